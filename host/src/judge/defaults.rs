//! Filling fields. The order: built-in, then plugins; `user` is always the
//! authenticated identity.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::clock::now_micros;
use crate::id::row_id;
use crate::log::Method;
use crate::plugin::Hook;
use crate::row::{Cell, Row};

use super::object::Object;
use super::{Judging, Refused};

pub(super) async fn fill(
    judging: &mut Judging<'_>,
    method: Method,
    mut message: Map<String, Value>,
    old: Option<&Row>,
) -> Result<Object, Refused> {
    match method {
        Method::Post => {
            // As Gramex does, these replace what the client sent, in its place.
            message.insert("id".into(), row_id().into());
            message.insert("user".into(), identity(judging));
            message.insert(
                "timestamp".into(),
                timestamp(judging.call.received_at).into(),
            );
        }
        Method::Put if message.contains_key("user") => {
            message.insert("user".into(), author(judging, old));
        }
        Method::Put | Method::Delete => {}
    }
    hooks(judging, method, message, old).await
}

/// The plugins' part of it.
pub(super) async fn hooks(
    judging: &mut Judging<'_>,
    method: Method,
    message: Map<String, Value>,
    old: Option<&Row>,
) -> Result<Object, Refused> {
    let mut message = Object::new(message);
    for generation in judging.chain.with(Hook::Defaults) {
        let filled = generation
            .defaults(&judging.call, &message.text, &mut judging.effects)
            .await?;
        if let Some(text) = filled {
            message = Object::returned(text, Hook::Defaults, generation, &judging.call)?;
            if message.map.contains_key("user") {
                let user = if method == Method::Post {
                    identity(judging)
                } else {
                    author(judging, old)
                };
                message.set("user", user);
            }
        }
    }
    Ok(message)
}

/// Gives a row that a plugin inserts what it lacks: `id`, and `user` and `timestamp` as
/// those of a posted one.
pub fn complete(row: &mut Map<String, Value>, user: Option<&str>) {
    let id = row.get("id").and_then(Value::as_str).unwrap_or("");
    if id.is_empty() {
        row.insert("id".into(), row_id().into());
    }
    row.entry("user")
        .or_insert_with(|| user.map_or(Value::Null, Value::from));
    row.entry("timestamp")
        .or_insert_with(|| timestamp(now_micros() as u64).into());
}

fn identity(judging: &Judging<'_>) -> Value {
    judging
        .call
        .user
        .as_deref()
        .map_or(Value::Null, Value::from)
}

/// Who wrote the row stays who wrote it, whoever changes it.
fn author(judging: &Judging<'_>, old: Option<&Row>) -> Value {
    let position = judging
        .endpoint
        .table
        .as_ref()
        .and_then(|table| table.position("user"));
    match (old, position) {
        (Some(old), Some(at)) => old.0.get(at).map_or(Value::Null, Cell::to_json),
        _ => Value::Null,
    }
}

/// UTC in ISO 8601 with microseconds and no zone suffix, as Gramex writes it.
fn timestamp(micros: u64) -> String {
    let nanos = i128::from(micros) * 1_000;
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    time.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_microseconds_and_no_zone() {
        assert_eq!(
            timestamp(1_792_479_383_625_405),
            "2026-10-20T06:56:23.625405"
        );
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000");
    }
}
