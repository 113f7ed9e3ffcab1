//! What became of rows that were taken.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::numbers;
use crate::alert::Settled;

/// Writes it down. Returns by how many the waiting have become more or less.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    settled: &Settled,
) -> sqlx::Result<i64> {
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
