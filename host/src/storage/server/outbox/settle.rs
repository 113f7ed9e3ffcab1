//! What became of rows that were taken.

use sea_query::Value;
use uuid::Uuid;

use super::among;
use crate::alert::Settled;
use crate::storage::server::session::Session;

/// Writes it down. Returns by how many the waiting have become more or less.
pub async fn settle(session: &mut Session, settled: &Settled) -> sqlx::Result<i64> {
    match settled {
        Settled::Sent { numbers } => delete(session, numbers).await,
        Settled::DigestSent {
            numbers,
            endpoint,
            alert,
            recipient,
            sent,
            next,
        } => {
            let change = delete(session, numbers).await?;
            let whose = || -> [Value; 3] {
                [
                    (*endpoint).into(),
                    alert.to_string().into(),
                    recipient.to_string().into(),
                ]
            };
            let insert = format!(
                "INSERT INTO hookcast_digests (endpoint, alert, recipient, sent) \
                 VALUES (?, ?, ?, ?){}",
                session
                    .flavor()
                    .or_update("endpoint, alert, recipient", &["sent"])
            );
            let mut values = whose().to_vec();
            values.push((*sent).into());
            session.execute(&insert, values).await?;
            // Those that have come meanwhile are for the next one.
            let later = "UPDATE hookcast_outbox SET due = greatest(due, ?) WHERE dead = FALSE \
                         AND endpoint = ? AND alert = ? AND recipient = ? AND digest IS NULL";
            let mut values: Vec<Value> = vec![(*next).into()];
            values.extend(whose());
            session.execute(later, values).await?;
            Ok(change)
        }
        Settled::Later {
            numbers,
            due,
            refused,
        } => {
            if numbers.is_empty() {
                return Ok(0);
            }
            let update = format!(
                "UPDATE hookcast_outbox SET leased = 0, due = ?, attempts = attempts + ?, \
                 error = coalesce(?, error) WHERE {}",
                among("number", numbers)
            );
            let values = vec![
                (*due).into(),
                i64::from(refused.is_some()).into(),
                refused.clone().into(),
            ];
            session.execute(&update, values).await?;
            Ok(0)
        }
        Settled::Dead { numbers, error } => {
            if numbers.is_empty() {
                return Ok(0);
            }
            let update = format!(
                "UPDATE hookcast_outbox SET dead = TRUE, leased = 0, attempts = attempts + 1, \
                 error = ? WHERE {}",
                among("number", numbers)
            );
            let dead = session
                .execute(&update, vec![error.to_string().into()])
                .await?;
            Ok(-(dead as i64))
        }
        Settled::Split {
            number,
            recipients,
            every,
        } => split(session, *number, recipients, *every).await,
    }
}

async fn delete(session: &mut Session, numbers: &[i64]) -> sqlx::Result<i64> {
    if numbers.is_empty() {
        return Ok(0);
    }
    let delete = format!(
        "DELETE FROM hookcast_outbox WHERE {}",
        among("number", numbers)
    );
    let gone = session.execute(&delete, Vec::new()).await?;
    Ok(-(gone as i64))
}

async fn split(
    session: &mut Session,
    number: i64,
    recipients: &[String],
    every: i64,
) -> sqlx::Result<i64> {
    for recipient in recipients {
        let copy = "INSERT INTO hookcast_outbox (id, endpoint, alert, channel, service, data, \
                    created, due, recipient) SELECT ?, endpoint, alert, channel, service, data, \
                    created, greatest(due, coalesce((SELECT sent FROM hookcast_digests AS last \
                    WHERE last.endpoint = hookcast_outbox.endpoint AND \
                    last.alert = hookcast_outbox.alert AND last.recipient = ?), 0) + ?), ? \
                    FROM hookcast_outbox WHERE number = ?";
        let values = vec![
            Uuid::now_v7().to_string().into(),
            recipient.clone().into(),
            every.into(),
            recipient.clone().into(),
            number.into(),
        ];
        session.execute(copy, values).await?;
    }
    let gone = delete(session, &[number]).await?;
    Ok(gone + recipients.len() as i64)
}
