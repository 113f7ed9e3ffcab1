//! Key-value storage: reading keys, writing them in a message's transaction, removing
//! what has expired.
//!
//! Triggers keep the bytes of each plugin's keys in `hookcast_kv_spaces`, so the figure is
//! exact whoever writes, and after a rollback or a restart as well. A key that has
//! expired is absent at once, and removed later.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::read::SqliteReader;
use crate::clock::now_micros;
use crate::kv::{ABSENT, Key, NoSum, Space, Stored, Value, Version, Write};
use crate::plugin::KeyPage;

/// Keys removed in one transaction, so that writing waits little.
const BATCH: i64 = 5_000;

impl SqliteReader {
    /// What a key holds.
    pub async fn kv_get(&self, log: i64, plugin: &str, key: &Key) -> sqlx::Result<Option<Stored>> {
        let found = sqlx::query(
            "SELECT value, expires, version FROM hookcast_kv WHERE endpoint = ? AND plugin = ? \
             AND bucket = ? AND key = ? AND (expires IS NULL OR expires > ?)",
        )
        .bind(log)
        .bind(plugin)
        .bind(&*key.bucket)
        .bind(&key.name)
        .bind(now_micros())
        .fetch_optional(&self.pool)
        .await?;
        let stored = found.map(|row| {
            let bytes: Vec<u8> = row.try_get(0)?;
            let value = Value {
                bytes: bytes.into(),
                expires: row.try_get(1)?,
            };
            let version = row.try_get(2)?;
            sqlx::Result::Ok(Stored { value, version })
        });
        stored.transpose()
    }

    /// A page of keys: those that are committed, changed as the page says.
    pub async fn kv_keys(
        &self,
        log: i64,
        plugin: &str,
        page: &KeyPage,
    ) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT key FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND bucket = ? \
             AND (expires IS NULL OR expires > ?) AND key NOT IN (SELECT value FROM json_each(?)) \
             UNION SELECT value FROM json_each(?) ORDER BY 1 LIMIT ? OFFSET ?",
        )
        .bind(log)
        .bind(plugin)
        .bind(&*page.bucket)
        .bind(now_micros())
        .bind(json(&page.removed))
        .bind(json(&page.added))
        .bind(page.limit)
        .bind(i64::try_from(page.skip).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
    }

    /// Bytes of a plugin's keys and values, those in `apart_from` not counted.
    pub async fn kv_used(&self, log: i64, plugin: &str, apart_from: &[Key]) -> sqlx::Result<u64> {
        let apart_from: Vec<_> = apart_from
            .iter()
            .map(|key| (&*key.bucket, &*key.name))
            .collect();
        let used: Option<i64> = sqlx::query_scalar(
            "SELECT bytes - (SELECT coalesce(sum(octet_length(bucket) + octet_length(key) + \
             octet_length(value)), 0) FROM hookcast_kv WHERE endpoint = ?1 AND plugin = ?2 AND \
             ((expires IS NOT NULL AND expires <= ?3) OR (bucket, key) IN \
             (SELECT value ->> 0, value ->> 1 FROM json_each(?4)))) \
             FROM hookcast_kv_spaces WHERE endpoint = ?1 AND plugin = ?2",
        )
        .bind(log)
        .bind(plugin)
        .bind(now_micros())
        .bind(json(&apart_from))
        .fetch_optional(&self.pool)
        .await?;
        Ok(used.map_or(0, |bytes| u64::try_from(bytes).unwrap_or(0)))
    }
}

/// Texts as a JSON array, for `json_each`. They always serialise.
fn json(texts: &impl serde::Serialize) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

/// Removes keys that have expired.
pub async fn forget_expired(pool: &SqlitePool, now: i64) -> sqlx::Result<()> {
    loop {
        let gone = sqlx::query(
            "DELETE FROM hookcast_kv WHERE (endpoint, plugin, bucket, key) IN (SELECT endpoint, \
             plugin, bucket, key FROM hookcast_kv WHERE expires IS NOT NULL AND expires <= ? \
             ORDER BY expires LIMIT ?)",
        )
        .bind(now)
        .bind(BATCH)
        .execute(pool)
        .await?
        .rows_affected();
        if gone < BATCH as u64 {
            return Ok(());
        }
    }
}

/// Why keys can't be written.
pub enum Refusal {
    /// One that was read has changed.
    Changed,
    /// A limit, or an `add` to what is no number: why and what to do.
    Plugin(String),
    Storage(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error)
    }
}

/// One plugin's keys on one endpoint, inside of a message's transaction.
pub struct Keyspace<'a> {
    pub connection: &'a Connection,
    pub log: i64,
    pub plugin: &'a Arc<str>,
    /// The transaction's time.
    pub time: i64,
}

impl Keyspace<'_> {
    /// Checks what the message has read and writes what it wants to.
    pub fn write(&self, space: &Space) -> Result<(), Refusal> {
        for (key, entry) in space.iter() {
            if let Some(read) = entry.read
                && self.version(key)? != read
            {
                return Err(Refusal::Changed);
            }
        }
        if space.writes().next().is_none() {
            return Ok(());
        }
        let version = self.next_version()?;
        for (key, write) in space.writes() {
            let before = match write {
                Write::Add(_) => self.value(key)?,
                Write::Put(_) | Write::Delete => None,
            };
            let after = write
                .apply(before)
                .map_err(|why| Refusal::Plugin(self.no_sum(key, why)))?;
            match after {
                Some(value) => self.put(key, &value, version)?,
                None => self.delete(key)?,
            }
        }
        let deletes = |(_, write): (_, &Write)| matches!(write, Write::Delete);
        if space.writes().all(deletes) {
            // Also past a limit that was lowered.
            return Ok(());
        }
        self.check_limit(space.limit)
    }

    /// Versions grow for ever, so that a key which is removed and made again differs from
    /// what it was.
    fn next_version(&self) -> rusqlite::Result<Version> {
        self.prepare(
            "INSERT INTO hookcast_kv_spaces VALUES (?, ?, 0, 1) \
             ON CONFLICT DO UPDATE SET version = version + 1 RETURNING version",
        )?
        .query_row(params![self.log, self.plugin], |row| row.get(0))
    }

    fn version(&self, key: &Key) -> rusqlite::Result<Version> {
        let found = self
            .prepare(
                "SELECT version FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND bucket = ? \
                 AND key = ? AND (expires IS NULL OR expires > ?)",
            )?
            .query_row(
                params![self.log, self.plugin, key.bucket, key.name, self.time],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found.unwrap_or(ABSENT))
    }

    fn value(&self, key: &Key) -> rusqlite::Result<Option<Value>> {
        self.prepare(
            "SELECT value, expires FROM hookcast_kv WHERE endpoint = ? AND plugin = ? \
             AND bucket = ? AND key = ? AND (expires IS NULL OR expires > ?)",
        )?
        .query_row(
            params![self.log, self.plugin, key.bucket, key.name, self.time],
            |row| {
                let bytes: Vec<u8> = row.get(0)?;
                Ok(Value {
                    bytes: bytes.into(),
                    expires: row.get(1)?,
                })
            },
        )
        .optional()
    }

    fn put(&self, key: &Key, value: &Value, version: Version) -> rusqlite::Result<()> {
        self.prepare(
            "INSERT INTO hookcast_kv VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT DO UPDATE SET value = ?5, version = ?6, expires = ?7",
        )?
        .execute(params![
            self.log,
            self.plugin,
            key.bucket,
            key.name,
            &*value.bytes,
            version,
            value.expires
        ])?;
        Ok(())
    }

    fn delete(&self, key: &Key) -> rusqlite::Result<()> {
        self.prepare(
            "DELETE FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND bucket = ? AND key = ?",
        )?
        .execute(params![self.log, self.plugin, key.bucket, key.name])?;
        Ok(())
    }

    fn check_limit(&self, limit: u64) -> Result<(), Refusal> {
        if self.bytes()? <= limit {
            return Ok(());
        }
        // What has expired takes no room, even if it is still there.
        self.prepare(
            "DELETE FROM hookcast_kv WHERE endpoint = ? AND plugin = ? \
             AND expires IS NOT NULL AND expires <= ?",
        )?
        .execute(params![self.log, self.plugin, self.time])?;
        let bytes = self.bytes()?;
        if bytes <= limit {
            return Ok(());
        }
        Err(Refusal::Plugin(format!(
            "keys and values of plugin `{}` would have {bytes} bytes; `limits.kv_total` is {limit}",
            self.plugin
        )))
    }

    fn bytes(&self) -> rusqlite::Result<u64> {
        let bytes: i64 = self
            .prepare("SELECT bytes FROM hookcast_kv_spaces WHERE endpoint = ? AND plugin = ?")?
            .query_row(params![self.log, self.plugin], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    fn no_sum(&self, key: &Key, why: NoSum) -> String {
        format!(
            "plugin `{}` adds to the key `{}` of bucket `{}`, and {why}",
            self.plugin, key.name, key.bucket
        )
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }
}
