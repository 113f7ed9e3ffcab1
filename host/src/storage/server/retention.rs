//! Cutting the log: by age, count and size. The users' tables are never touched, and
//! the newest event always stays, as in SQLite.

use super::session::Pool;
use crate::log::appender::MESSAGE_ID_WINDOW;
use crate::storage::Retention;

/// Entries deleted in one transaction, so that writing waits little.
const BATCH: i64 = 5_000;

/// Deletes what `retention` no longer keeps; returns how many entries went.
pub async fn cut(pool: &Pool, log: i64, retention: Retention, now: i64) -> sqlx::Result<u64> {
    let number = async |sql: &str, value: i64| {
        let found = pool.first(sql, vec![log.into(), value.into()]).await?;
        found.unwrap_or_default().number()
    };
    let range = "SELECT min(\"offset\"), max(\"offset\") FROM hookcast_log WHERE endpoint = ?";
    let found = pool.first(range, vec![log.into()]).await?;
    let mut found = found.unwrap_or_default();
    let (Some(mut oldest), Some(newest)) = (found.number()?, found.number()?) else {
        return Ok(0);
    };
    let by_count = newest - i64::try_from(retention.count).unwrap_or(i64::MAX).max(1);
    let age = i64::try_from(retention.age.as_micros()).unwrap_or(i64::MAX);
    let by_age = number(
        "SELECT max(\"offset\") FROM hookcast_log WHERE endpoint = ? AND time < ?",
        now.saturating_sub(age),
    );
    let by_age = by_age.await?;
    let by_size = number(
        "SELECT max(\"offset\") FROM (SELECT \"offset\", sum(octet_length(sent)) OVER \
         (ORDER BY \"offset\" DESC) AS size FROM hookcast_log WHERE endpoint = ?) AS sizes \
         WHERE size > ?",
        i64::try_from(retention.size).unwrap_or(i64::MAX),
    );
    let by_size = by_size.await?;
    let until = by_count
        .max(by_age.unwrap_or(0))
        .max(by_size.unwrap_or(0))
        .min(newest - 1);
    let mut deleted = 0;
    // Offsets have no gaps.
    while oldest <= until {
        let last = until.min(oldest + BATCH - 1);
        let delete = "DELETE FROM hookcast_log WHERE endpoint = ? AND \"offset\" <= ?";
        deleted += pool.execute(delete, vec![log.into(), last.into()]).await?;
        oldest = last + 1;
    }
    Ok(deleted)
}

/// Forgets message ids that are too old to be recognised.
pub async fn forget_message_ids(pool: &Pool, now: i64) -> sqlx::Result<()> {
    let delete = "DELETE FROM hookcast_message_ids WHERE time <= ?";
    let before = now - MESSAGE_ID_WINDOW;
    pool.execute(delete, vec![before.into()]).await.map(drop)
}
