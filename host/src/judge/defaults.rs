//! Filling fields. The order: built-in, then the config's `message_default`, then plugins;
//! `user` is always the authenticated identity.

use serde_json::{Map, Value, json};

use crate::clock::{iso_text, now_micros};
use crate::id::row_id;
use crate::log::Method;
use crate::plugin::Hook;
use crate::rejection::{Rejection, code};
use crate::row::{Cell, Row};

use super::object::Object;
use super::{Judging, Refused, scope};

/// The built-in and the config's part of it. As in Gramex, these replace what the client
/// sent, in its place.
///
/// # Errors
/// A default that has no value for this message.
pub(super) fn own(
    judging: &Judging<'_>,
    method: Method,
    mut message: Map<String, Value>,
) -> Result<Map<String, Value>, Rejection> {
    if method == Method::Post {
        message.insert("id".into(), row_id().into());
        message.insert("user".into(), identity(judging));
        message.insert(
            "timestamp".into(),
            iso_text(judging.call.received_at as i64).into(),
        );
    }
    let fields = judging.config.message_default.of(method);
    if fields.is_empty() {
        return Ok(message);
    }
    let mut scope = scope::of(&judging.call);
    for (key, expression) in fields {
        if expression.uses("msg") {
            scope.set("msg", Value::Object(message.clone()));
        }
        let value = expression.evaluate(&scope);
        let value = value.map_err(|problem| no_value(method, key, &problem.message))?;
        if key == "id" && value.as_str().is_none_or(str::is_empty) {
            return Err(no_value(method, key, "an id is a text that is not empty"));
        }
        message.insert(key.clone(), value);
    }
    Ok(message)
}

fn no_value(method: Method, key: &str, problem: &str) -> Rejection {
    let default = format!("message_default.{}.{key}", method.as_str());
    tracing::info!(default, problem, "a default has no value for a message");
    Rejection {
        details: Some(json!({"default": default})),
        ..Rejection::new(
            code::EXPRESSION_FAILED,
            format!("the server's `{default}` has no value for this message: {problem}"),
        )
    }
}

/// The message with the right author, where it names one: that of the row it changes.
pub(super) fn authored(
    judging: &Judging<'_>,
    method: Method,
    mut message: Map<String, Value>,
    old: Option<&Row>,
) -> Map<String, Value> {
    if method == Method::Put && message.contains_key("user") {
        message.insert("user".into(), author(judging, old));
    }
    message
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
        .or_insert_with(|| iso_text(now_micros()).into());
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
