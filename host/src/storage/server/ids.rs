//! Message ids that were committed before.

use std::collections::HashMap;

use sea_query::Value;

use super::many;
use super::session::Session;
use crate::log::Submission;
use crate::log::appender::MESSAGE_ID_WINDOW;
use crate::log::submission::{MessageId, Receipt};

/// Message ids asked for in one statement.
const MOST_IDS: usize = 128;

/// A repeat is known by these: the log, the sender, the id.
pub type FullId = (i64, String, String);

pub fn full_id(log: i64, id: &MessageId) -> FullId {
    (log, id.sender.clone(), id.id.clone())
}

/// Those of the group's message ids that were committed within 24 hours.
pub async fn known(
    session: &mut Session,
    group: &[Submission],
    time: i64,
) -> sqlx::Result<HashMap<FullId, ([u8; 16], Receipt)>> {
    let ids = group.iter().filter_map(|one| {
        let id = one.source.message_id.as_ref()?;
        let bytes = |text: &str| text.as_bytes().to_vec().into();
        let values: [Value; 3] = [one.own.log.id.into(), bytes(&id.sender), bytes(&id.id)];
        Some(values)
    });
    let ids: Vec<_> = ids.collect();
    let mut known = HashMap::new();
    let mut rest = ids.as_slice();
    while !rest.is_empty() {
        let (lot, later) = rest.split_at(many::largest_power(rest.len().min(MOST_IDS)));
        rest = later;
        let one = "(endpoint = ? AND sender = ? AND id = ?)";
        let sql = format!(
            "SELECT endpoint, sender, id, body, position, changed FROM hookcast_message_ids \
             WHERE time > ? AND ({})",
            vec![one; lot.len()].join(" OR ")
        );
        let mut values: Vec<Value> = vec![(time - MESSAGE_ID_WINDOW).into()];
        values.extend(lot.iter().flatten().cloned());
        for mut found in session.fetch(&sql, values).await? {
            let full = (found.integer()?, found.text()?, found.text()?);
            let body = <[u8; 16]>::try_from(found.bytes()?).unwrap_or_default();
            let receipt = Receipt::stored(found.text()?, found.number()?);
            known.insert(full, (body, receipt));
        }
    }
    Ok(known)
}
