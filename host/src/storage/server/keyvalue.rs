//! Key-value storage as it is read, and keys that have expired.

use sea_query::Value as SqlValue;

use super::read::ServerReader;
use super::session::Pool;
use crate::clock::now_micros;
use crate::kv::{Key, Stored, Value};
use crate::plugin::KeyPage;

/// Keys removed in one transaction, so that writing waits little.
const BATCH: i64 = 1_000;

impl ServerReader {
    /// What a key holds.
    pub async fn kv_get(&self, log: i64, plugin: &str, key: &Key) -> sqlx::Result<Option<Stored>> {
        let sql = "SELECT value, expires, version FROM hookcast_kv WHERE endpoint = ? AND \
                   plugin = ? AND bucket = ? AND name = ? AND (expires IS NULL OR expires > ?)";
        let mut values: Vec<SqlValue> = vec![log.into(), plugin.into()];
        values.extend(bytes_of(key));
        values.push(now_micros().into());
        let found = self.pool.first(sql, values).await?;
        let stored = found.map(|mut found| {
            let value = Value {
                bytes: found.bytes()?.into(),
                expires: found.number()?,
            };
            let version = found.integer()?;
            Ok(Stored { value, version })
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
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        // Those that the message has removed may be among them, and stand for others.
        let most = skip
            .saturating_add(limit)
            .saturating_add(page.removed.len());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let sql = "SELECT name FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND bucket = ? \
                   AND (expires IS NULL OR expires > ?) ORDER BY name LIMIT ?";
        let values = vec![
            log.into(),
            plugin.into(),
            page.bucket.as_bytes().to_vec().into(),
            now_micros().into(),
            most.into(),
        ];
        let mut keys = Vec::new();
        for mut found in self.pool.fetch(sql, values).await? {
            let key = found.text()?;
            if !page.removed.contains(&key) {
                keys.push(key);
            }
        }
        keys.extend(page.added.iter().cloned());
        keys.sort_unstable();
        keys.dedup();
        Ok(keys.into_iter().skip(skip).take(limit).collect())
    }

    /// Bytes of a plugin's keys and values, those in `apart_from` not counted.
    pub async fn kv_used(&self, log: i64, plugin: &str, apart_from: &[Key]) -> sqlx::Result<u64> {
        let sql = "SELECT bytes FROM hookcast_kv_spaces WHERE endpoint = ? AND plugin = ?";
        let space = self
            .pool
            .first(sql, vec![log.into(), plugin.into()])
            .await?;
        let used = space.unwrap_or_default().number()?.unwrap_or(0);
        let mut apart = String::from("(expires IS NOT NULL AND expires <= ?)");
        let mut values: Vec<SqlValue> = vec![log.into(), plugin.into(), now_micros().into()];
        for key in apart_from {
            apart.push_str(" OR (bucket = ? AND name = ?)");
            values.extend(bytes_of(key));
        }
        let sql = format!(
            "SELECT {SIZE} FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND ({apart})"
        );
        let found = self.pool.first(&sql, values).await?;
        let apart = found.unwrap_or_default().number()?.unwrap_or(0);
        Ok(u64::try_from(used - apart).unwrap_or(0))
    }
}

/// What rows of `hookcast_kv` count against `limits.kv_total`.
pub const SIZE: &str =
    "CAST(sum(octet_length(bucket) + octet_length(name) + octet_length(value)) AS CHAR(20))";

/// A bucket and a key. Both are bytes: collations, and what texts can't hold, are nothing
/// to them.
pub fn bytes_of(key: &Key) -> [SqlValue; 2] {
    let bytes = |text: &str| text.as_bytes().to_vec().into();
    [bytes(&key.bucket), bytes(&key.name)]
}

/// Removes keys that have expired. What a plugin has is locked first, as the writer does.
pub async fn forget_expired(pool: &Pool, now: i64) -> sqlx::Result<()> {
    let sql = "SELECT DISTINCT endpoint, plugin FROM hookcast_kv WHERE expires <= ?";
    for mut found in pool.fetch(sql, vec![now.into()]).await? {
        let (log, plugin) = (found.integer()?, found.text()?);
        while forget_some(pool, log, &plugin, now).await? == BATCH {}
    }
    Ok(())
}

async fn forget_some(pool: &Pool, log: i64, plugin: &str, now: i64) -> sqlx::Result<i64> {
    let space = || -> Vec<SqlValue> { vec![log.into(), plugin.into()] };
    let mut transaction = pool.begin().await?;
    let lock = "SELECT bytes FROM hookcast_kv_spaces WHERE endpoint = ? AND plugin = ? FOR UPDATE";
    transaction.fetch(lock, space()).await?;
    let sql = "SELECT bucket, name, octet_length(value) FROM hookcast_kv WHERE endpoint = ? AND \
               plugin = ? AND expires <= ? LIMIT ?";
    let mut values = space();
    values.extend([now.into(), BATCH.into()]);
    let (mut freed, mut gone) = (0, 0);
    for mut found in transaction.fetch(sql, values).await? {
        let (bucket, name, value) = (found.bytes()?, found.bytes()?, found.integer()?);
        freed += (bucket.len() + name.len()) as i64 + value;
        gone += 1;
        let mut values = space();
        values.extend([bucket.into(), name.into()]);
        let delete = "DELETE FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND bucket = ? \
                      AND name = ?";
        transaction.execute(delete, values).await?;
    }
    let mut values: Vec<SqlValue> = vec![freed.into()];
    values.extend(space());
    let update =
        "UPDATE hookcast_kv_spaces SET bytes = bytes - ? WHERE endpoint = ? AND plugin = ?";
    transaction.execute(update, values).await?;
    transaction.commit().await?;
    Ok(gone)
}
