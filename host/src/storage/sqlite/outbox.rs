//! The table of alerts that wait to be sent, and of those that never were.
//!
//! Rows come in with the messages that cause them (`pass.rs`). The worker takes rows for a
//! while (a lease), sends them and says what became of them. Its connection does not sync:
//! what a power loss takes back is that something was sent, and it is then sent again with
//! the same Message-ID; and its transactions, which keep messages from being written, last
//! microseconds.

mod entries;
mod settle;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::sync::Mutex;

use crate::alert::{Channel, Leased, Posted, Settled};

pub use entries::Entry;

/// The outbox of one database.
pub struct SqliteOutbox {
    connection: Mutex<SqliteConnection>,
}

const COLUMNS: &str = "number, id, endpoint, \
     (SELECT name FROM hookcast_endpoints WHERE hookcast_endpoints.id = hookcast_outbox.endpoint), \
     alert, channel, data, created, recipient, digest, attempts";

impl SqliteOutbox {
    /// Opens the file that `open::open` has created and migrated. This process owns it, so
    /// whoever had taken rows is gone: they are free.
    pub async fn open(path: &Path) -> sqlx::Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query("UPDATE hookcast_outbox SET leased = 0 WHERE leased > 0")
            .execute(&mut connection)
            .await?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Alerts that wait, dead letters not counted.
    pub async fn waiting(&self) -> sqlx::Result<usize> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM hookcast_outbox WHERE dead = 0")
            .fetch_one(&mut *self.connection.lock().await)
            .await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Takes what is due for a service, until `until`; of these endpoints nothing. What
    /// goes to a recipient to whom a digest is on its way waits for that.
    pub async fn lease(
        &self,
        service: &str,
        except: &[i64],
        limit: usize,
        now: i64,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        let sql = format!(
            "UPDATE hookcast_outbox SET leased = ?1 WHERE number IN (SELECT number FROM \
             hookcast_outbox AS this WHERE dead = 0 AND service = ?2 AND due <= ?3 \
             AND leased <= ?3 AND endpoint NOT IN (SELECT value FROM json_each(?4)) \
             AND (recipient IS NULL OR NOT EXISTS (SELECT 1 FROM hookcast_outbox AS other \
             WHERE other.recipient = this.recipient AND other.endpoint = this.endpoint \
             AND other.alert = this.alert AND other.dead = 0 AND other.digest IS NOT NULL \
             AND (other.leased > ?3 OR this.digest IS NULL))) \
             ORDER BY due, number LIMIT ?5) RETURNING {COLUMNS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(until)
            .bind(service)
            .bind(now)
            .bind(numbers(except))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.connection.lock().await)
            .await?;
        leased(&rows)
    }

    /// When the next row of a service is due after `now`; none when there is none. What is
    /// due already and was not taken waits for a digest.
    pub async fn next_due(
        &self,
        service: &str,
        except: &[i64],
        now: i64,
    ) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT min(max(due, leased)) FROM hookcast_outbox WHERE dead = 0 AND service = ? \
             AND endpoint NOT IN (SELECT value FROM json_each(?)) AND max(due, leased) > ?",
        )
        .bind(service)
        .bind(numbers(except))
        .bind(now)
        .fetch_one(&mut *self.connection.lock().await)
        .await
    }

    /// Takes all that one recipient is to get in one mail with this one: the rest of a
    /// mail that was begun, or else all that wait. They are one mail from now on, however
    /// often it is tried. In the order that they came.
    pub async fn gather(
        &self,
        first: &Leased,
        limit: usize,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        let sql = format!(
            "UPDATE hookcast_outbox SET leased = ?1, digest = coalesce(?2, ?3) WHERE number IN \
             (SELECT number FROM hookcast_outbox WHERE dead = 0 AND endpoint = ?4 AND alert = ?5 \
             AND recipient = ?6 AND digest IS ?2 ORDER BY number LIMIT ?7) RETURNING {COLUMNS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(until)
            .bind(&first.digest)
            .bind(&first.id)
            .bind(first.endpoint)
            .bind(&first.alert)
            .bind(&first.recipient)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.connection.lock().await)
            .await?;
        leased(&rows)
    }

    /// Writes down what became of rows that were taken, all of it or nothing. Returns by
    /// how many the waiting have become more or less.
    pub async fn settle(&self, settled: &[Settled]) -> sqlx::Result<i64> {
        let mut connection = self.connection.lock().await;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut change = 0;
        for one in settled {
            change += settle::settle(&mut transaction, one).await?;
        }
        transaction.commit().await?;
        Ok(change)
    }

    /// Makes dead letters of what waits since before `before`, and of what is for services
    /// that there are no more. Returns how many.
    pub async fn expire(&self, before: i64, services: &[String], now: i64) -> sqlx::Result<u64> {
        let mut connection = self.connection.lock().await;
        let known = serde_json::to_string(services).unwrap_or_default();
        let old = sqlx::query(
            "UPDATE hookcast_outbox SET dead = 1, leased = 0, error = coalesce(error || '; ', '') \
             || 'gave up: it is older than `alerts.expire`' \
             WHERE dead = 0 AND created < ? AND leased <= ?",
        )
        .bind(before)
        .bind(now)
        .execute(&mut *connection)
        .await?;
        let homeless = sqlx::query(
            "UPDATE hookcast_outbox SET dead = 1, leased = 0, \
             error = 'the config has nothing named `' || service || '` to send it by any more' \
             WHERE dead = 0 AND leased <= ? AND service NOT IN (SELECT value FROM json_each(?))",
        )
        .bind(now)
        .bind(known)
        .execute(&mut *connection)
        .await?;
        Ok(old.rows_affected() + homeless.rows_affected())
    }

    /// Forgets dead letters from before `dead`, and who got digests before `digests`.
    /// Returns how many letters.
    pub async fn forget(&self, dead: i64, digests: i64) -> sqlx::Result<u64> {
        let mut connection = self.connection.lock().await;
        let letters = sqlx::query("DELETE FROM hookcast_outbox WHERE dead = 1 AND due < ?")
            .bind(dead)
            .execute(&mut *connection)
            .await?;
        sqlx::query("DELETE FROM hookcast_digests WHERE sent < ?")
            .bind(digests)
            .execute(&mut *connection)
            .await?;
        Ok(letters.rows_affected())
    }
}

/// Writes an alert in the transaction of its message.
pub fn post(
    connection: &rusqlite::Connection,
    endpoint: i64,
    posted: &Posted,
    time: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO hookcast_outbox (id, endpoint, alert, channel, service, data, created, \
             due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        )?
        .execute(rusqlite::params![
            posted.id.to_string(),
            endpoint,
            posted.alert,
            posted.channel.as_str(),
            posted.service,
            posted.data,
            time
        ])?;
    Ok(())
}

/// Numbers as a JSON array, for `json_each`.
fn numbers(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).unwrap_or_default()
}

fn leased(rows: &[SqliteRow]) -> sqlx::Result<Vec<Leased>> {
    let mut leased = rows
        .iter()
        .map(|row| {
            let channel: String = row.try_get(5)?;
            Ok(Leased {
                number: row.try_get(0)?,
                id: row.try_get(1)?,
                endpoint: row.try_get(2)?,
                endpoint_name: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
                alert: row.try_get(4)?,
                channel: Channel::parse(&channel)
                    .ok_or_else(|| sqlx::Error::Decode(format!("channel {channel}").into()))?,
                data: row.try_get(6)?,
                created: row.try_get(7)?,
                recipient: row.try_get(8)?,
                digest: row.try_get(9)?,
                attempts: row.try_get(10)?,
            })
        })
        .collect::<sqlx::Result<Vec<_>>>()?;
    // RETURNING has no order.
    leased.sort_by_key(|row| row.number);
    Ok(leased)
}
