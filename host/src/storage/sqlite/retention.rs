//! Cutting the log: by age, count and size. The users' tables are never touched, and
//! the newest event always stays, because it carries the head.

use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use crate::log::appender::MESSAGE_ID_WINDOW;
use crate::storage::Retention;

/// Entries deleted in one transaction, so that writing waits little.
const BATCH: i64 = 5_000;

/// Deletes what `retention` no longer keeps; returns how many entries went.
pub async fn cut(pool: &SqlitePool, log: i64, retention: Retention, now: i64) -> sqlx::Result<u64> {
    let newest: Option<i64> =
        sqlx::query("SELECT max(offset) FROM hookcast_log WHERE endpoint = ?")
            .bind(log)
            .fetch_one(pool)
            .await?
            .try_get(0)?;
    let Some(newest) = newest else { return Ok(0) };
    let by_count = newest - i64::try_from(retention.count).unwrap_or(i64::MAX).max(1);
    let oldest_time =
        now.saturating_sub(i64::try_from(retention.age.as_micros()).unwrap_or(i64::MAX));
    let by_age: Option<i64> =
        sqlx::query("SELECT max(offset) FROM hookcast_log WHERE endpoint = ? AND time < ?")
            .bind(log)
            .bind(oldest_time)
            .fetch_one(pool)
            .await?
            .try_get(0)?;
    let by_size: Option<i64> = sqlx::query(
        "SELECT max(offset) FROM (SELECT offset, sum(length(sent)) OVER (ORDER BY offset DESC) AS size \
         FROM hookcast_log WHERE endpoint = ?) WHERE size > ?",
    )
    .bind(log)
    .bind(i64::try_from(retention.size).unwrap_or(i64::MAX))
    .fetch_one(pool)
    .await?
    .try_get(0)?;
    let until = by_count
        .max(by_age.unwrap_or(0))
        .max(by_size.unwrap_or(0))
        .min(newest - 1);
    let mut deleted = 0;
    loop {
        let gone = sqlx::query(
            "DELETE FROM hookcast_log WHERE endpoint = ?1 AND offset IN (SELECT offset FROM \
             hookcast_log WHERE endpoint = ?1 AND offset <= ?2 ORDER BY offset LIMIT ?3)",
        )
        .bind(log)
        .bind(until)
        .bind(BATCH)
        .execute(pool)
        .await?
        .rows_affected();
        deleted += gone;
        if gone < BATCH as u64 {
            return Ok(deleted);
        }
    }
}

/// Forgets message ids that are too old to be recognised.
pub async fn forget_message_ids(pool: &SqlitePool, now: i64) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM hookcast_message_ids WHERE time <= ?")
        .bind(now - MESSAGE_ID_WINDOW)
        .execute(pool)
        .await?;
    Ok(())
}
