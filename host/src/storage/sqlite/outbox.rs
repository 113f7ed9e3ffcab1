//! The table of alerts that wait to be sent, and of those that never were.
//!
//! Rows come in with the messages that cause them (`pass.rs`). The worker takes rows for a
//! while (a lease), sends them and says what became of them. Its connection does not sync:
//! what a power loss takes back is that something was sent, and it is then sent again with
//! the same Message-ID; and its transactions, which keep messages from being written, last
//! microseconds.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::alert::{Channel, Leased, Posted, Settled};

/// The outbox of one database.
pub struct SqliteOutbox {
    connection: Mutex<SqliteConnection>,
}

/// What an operator sees of an alert.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: String,
    pub endpoint: String,
    pub alert: String,
    pub channel: String,
    pub service: String,
    pub recipient: Option<String>,
    pub dead: bool,
    pub attempts: i64,
    pub error: Option<String>,
    /// Microseconds since 1970-01-01 UTC.
    pub created: i64,
    pub due: i64,
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
            change += settle(&mut transaction, one).await?;
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

    /// The oldest alerts; with `dead` those that are dead letters, or are not.
    pub async fn list(&self, dead: Option<bool>, limit: u32) -> sqlx::Result<Vec<Entry>> {
        let rows = sqlx::query(
            "SELECT id, (SELECT name FROM hookcast_endpoints WHERE \
             hookcast_endpoints.id = hookcast_outbox.endpoint), alert, channel, service, \
             recipient, dead, attempts, error, created, due FROM hookcast_outbox \
             WHERE ?1 IS NULL OR dead = ?1 ORDER BY number LIMIT ?2",
        )
        .bind(dead)
        .bind(limit)
        .fetch_all(&mut *self.connection.lock().await)
        .await?;
        rows.iter().map(entry).collect()
    }

    /// Has an alert sent anew, at once. False if there is none.
    pub async fn retry(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        let changed = sqlx::query(
            "UPDATE hookcast_outbox SET dead = 0, attempts = 0, created = ?1, due = ?1 \
             WHERE id = ?2 AND leased <= ?1",
        )
        .bind(now)
        .bind(id)
        .execute(&mut *self.connection.lock().await)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Drops an alert. False if there is none, or if it is just being sent.
    pub async fn remove(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        let gone = sqlx::query("DELETE FROM hookcast_outbox WHERE id = ? AND leased <= ?")
            .bind(id)
            .bind(now)
            .execute(&mut *self.connection.lock().await)
            .await?;
        Ok(gone.rows_affected() > 0)
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

async fn settle(connection: &mut SqliteConnection, settled: &Settled) -> sqlx::Result<i64> {
    match settled {
        Settled::Sent { numbers } => delete(connection, numbers).await,
        Settled::DigestSent {
            numbers,
            endpoint,
            alert,
            recipient,
            sent,
            next,
        } => {
            let change = delete(connection, numbers).await?;
            sqlx::query(
                "INSERT INTO hookcast_digests VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT DO UPDATE SET sent = ?4",
            )
            .bind(endpoint)
            .bind(alert)
            .bind(recipient)
            .bind(sent)
            .execute(&mut *connection)
            .await?;
            // Those that have come meanwhile are for the next one.
            sqlx::query(
                "UPDATE hookcast_outbox SET due = max(due, ?) WHERE dead = 0 AND endpoint = ? \
                 AND alert = ? AND recipient = ? AND digest IS NULL",
            )
            .bind(next)
            .bind(endpoint)
            .bind(alert)
            .bind(recipient)
            .execute(&mut *connection)
            .await?;
            Ok(change)
        }
        Settled::Later {
            numbers: rows,
            due,
            refused,
        } => {
            sqlx::query(
                "UPDATE hookcast_outbox SET leased = 0, due = ?1, attempts = attempts + ?2, \
                 error = coalesce(?3, error) WHERE number IN (SELECT value FROM json_each(?4))",
            )
            .bind(due)
            .bind(i64::from(refused.is_some()))
            .bind(refused)
            .bind(numbers(rows))
            .execute(&mut *connection)
            .await?;
            Ok(0)
        }
        Settled::Dead {
            numbers: rows,
            error,
        } => {
            let dead = sqlx::query(
                "UPDATE hookcast_outbox SET dead = 1, leased = 0, attempts = attempts + 1, \
                 error = ? WHERE number IN (SELECT value FROM json_each(?))",
            )
            .bind(error)
            .bind(numbers(rows))
            .execute(&mut *connection)
            .await?;
            Ok(-(dead.rows_affected() as i64))
        }
        Settled::Split {
            number,
            recipients,
            every,
        } => split(connection, *number, recipients, *every).await,
    }
}

async fn delete(connection: &mut SqliteConnection, rows: &[i64]) -> sqlx::Result<i64> {
    let gone =
        sqlx::query("DELETE FROM hookcast_outbox WHERE number IN (SELECT value FROM json_each(?))")
            .bind(numbers(rows))
            .execute(connection)
            .await?;
    Ok(-(gone.rows_affected() as i64))
}

async fn split(
    connection: &mut SqliteConnection,
    number: i64,
    recipients: &[String],
    every: i64,
) -> sqlx::Result<i64> {
    for recipient in recipients {
        sqlx::query(
            "INSERT INTO hookcast_outbox (id, endpoint, alert, channel, service, data, created, \
             due, recipient) SELECT ?1, endpoint, alert, channel, service, data, created, \
             max(due, coalesce((SELECT sent FROM hookcast_digests AS last WHERE \
             last.endpoint = hookcast_outbox.endpoint AND last.alert = hookcast_outbox.alert \
             AND last.recipient = ?2), 0) + ?3), ?2 FROM hookcast_outbox WHERE number = ?4",
        )
        .bind(Uuid::now_v7().to_string())
        .bind(recipient)
        .bind(every)
        .bind(number)
        .execute(&mut *connection)
        .await?;
    }
    let gone = delete(connection, &[number]).await?;
    Ok(gone + recipients.len() as i64)
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

fn entry(row: &SqliteRow) -> sqlx::Result<Entry> {
    Ok(Entry {
        id: row.try_get(0)?,
        endpoint: row.try_get::<Option<String>, _>(1)?.unwrap_or_default(),
        alert: row.try_get(2)?,
        channel: row.try_get(3)?,
        service: row.try_get(4)?,
        recipient: row.try_get(5)?,
        dead: row.try_get(6)?,
        attempts: row.try_get(7)?,
        error: row.try_get(8)?,
        created: row.try_get(9)?,
        due: row.try_get(10)?,
    })
}
