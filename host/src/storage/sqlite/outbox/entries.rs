//! The outbox as operators see and change it.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::SqliteOutbox;

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

impl SqliteOutbox {
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
