//! The `modify` hooks: change what is broadcast. The table keeps the row.

use serde_json::Value;

use crate::plugin::Hook;
use crate::row::{Row, RowWrite};

use super::object::Object;
use super::{Judging, Refused};

/// Returns the message to broadcast.
pub(super) async fn modify(
    judging: &mut Judging<'_>,
    mut message: Object,
    change: Option<&RowWrite>,
) -> Result<Object, Refused> {
    if !judging.chain.has(Hook::Modify) {
        return Ok(message);
    }
    let id = message.map.get("id").cloned();
    let (row, old) = match change {
        None => (None, None),
        Some(RowWrite::Insert { row }) => (Some(row), None),
        Some(RowWrite::Update { old, row }) => (Some(row), Some(old)),
        Some(RowWrite::Delete { old }) => (None, Some(old)),
    };
    let row = row.map(|row| row_text(judging, row));
    let old = old.map(|old| row_text(judging, old));
    for generation in judging.chain.with(Hook::Modify) {
        let modified = generation
            .modify(
                &judging.call,
                &message.text,
                row.as_deref(),
                old.as_deref(),
                &mut judging.effects,
            )
            .await?;
        if let Some(text) = modified {
            message = Object::returned(text, Hook::Modify, generation, &judging.call)?;
            if message.map.get("id") != id.as_ref() {
                // Subscribers tell rows apart by it, and so does the removal of a row
                // that has left a filter.
                let problem = "changed the message's `id`";
                let error = generation.bad_output(&judging.call, Hook::Modify, problem);
                return Err(error.into());
            }
        }
    }
    Ok(message)
}

fn row_text(judging: &Judging<'_>, row: &Row) -> String {
    let table = judging.endpoint.table.as_deref();
    Value::Object(table.map(|table| row.to_json(table)).unwrap_or_default()).to_string()
}
