//! The beginning of a transaction: the heads of logs, locked and compared.

use std::collections::BTreeMap;

use super::Flavor;
use super::session::Session;
use super::trouble::Trouble;
use crate::log::Submission;
use crate::log::appender::Verdict;

/// How a try ended that wrote nothing.
pub enum Failed {
    /// Repeat with savepoints.
    Message,
    Trouble(Trouble),
    /// Somebody else has written to the logs.
    Foreign(String),
    /// The connection was lost when the COMMIT was on its way.
    Unknown(String, Vec<Verdict>),
}

/// Begins the transaction, locks the heads of the group's logs, in one order, and compares
/// them with what was committed last.
pub async fn begin(session: &mut Session, group: &[Submission]) -> Result<(), Failed> {
    let flavor = session.flavor();
    let parts = group.iter().flat_map(Submission::parts);
    let logs: BTreeMap<i64, _> = parts.map(|part| (part.log.id, &part.log)).collect();
    let ids: Vec<_> = logs.keys().map(i64::to_string).collect();
    let begin = match flavor {
        // A constraint that is checked at the end would fail then, for all.
        Flavor::Postgres => "BEGIN; SET CONSTRAINTS ALL IMMEDIATE",
        Flavor::MySql => "START TRANSACTION",
    };
    let sql = format!(
        "{begin}; SELECT id, head FROM hookcast_endpoints WHERE id IN ({}) ORDER BY id FOR UPDATE",
        ids.join(", ")
    );
    let trouble = |error: sqlx::Error| Failed::Trouble(Trouble::of(flavor, &error));
    let mut heads = BTreeMap::new();
    for mut found in session.raw(&sql).await.map_err(trouble)? {
        let id = found.integer().map_err(trouble)?;
        heads.insert(id, found.integer().map_err(trouble)? as u64);
    }
    for (id, log) in logs {
        let (stored, known) = (heads.get(&id).copied(), log.ring.head());
        if stored != Some(known) {
            let stored = stored.map_or("nowhere".to_owned(), |head| head.to_string());
            return Err(Failed::Foreign(format!(
                "the log of `{}` ends at {stored} in the database and at {known} here: another \
                 hookcast has written to it, or it was put back to an earlier state; restart \
                 hookcast",
                log.name
            )));
        }
    }
    Ok(())
}
