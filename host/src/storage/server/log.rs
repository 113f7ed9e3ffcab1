//! Opening an endpoint's log.

use anyhow::Result;

use super::session::Pool;
use crate::log::Incarnation;
use crate::log::position::Incarnations;
use crate::storage::OpenedLog;

/// Finds or makes the log of an endpoint and opens a new incarnation in it.
pub async fn open(pool: &Pool, name: &str, now: i64) -> Result<OpenedLog> {
    let mut transaction = pool.begin().await?;
    let insert = format!(
        "INSERT INTO hookcast_endpoints (name) VALUES (?){}",
        transaction.flavor().or_leave("name")
    );
    transaction.execute(&insert, vec![name.into()]).await?;
    let found = "SELECT id, head FROM hookcast_endpoints WHERE name = ?";
    let found = transaction.fetch(found, vec![name.into()]).await?;
    let mut found = found.into_iter().next().unwrap_or_default();
    let (id, head) = (found.integer()?, found.integer()?);
    let incarnation = Incarnation::random();
    let values = vec![
        id.into(),
        (head + 1).into(),
        (incarnation.0 as i64).into(),
        now.into(),
    ];
    let insert = "INSERT INTO hookcast_incarnations (endpoint, first_offset, incarnation, \
                  started) VALUES (?, ?, ?, ?)";
    transaction.execute(insert, values).await?;
    let all = "SELECT incarnation, first_offset FROM hookcast_incarnations WHERE endpoint = ? \
               ORDER BY number";
    let all = transaction.fetch(all, vec![id.into()]).await?;
    let incarnations = all.into_iter().map(|mut found| {
        let incarnation = Incarnation(found.integer()? as u64);
        Ok((incarnation, found.integer()? as u64))
    });
    let incarnations = incarnations.collect::<sqlx::Result<Vec<_>>>()?;
    transaction.commit().await?;
    Ok(OpenedLog {
        id,
        head: head as u64,
        incarnation,
        incarnations: Incarnations(incarnations),
    })
}
