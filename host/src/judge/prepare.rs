//! The `prepare` hooks: change a message or reject it.

use serde_json::Value;

use crate::log::Method;
use crate::plugin::Hook;

use super::object::Object;
use super::{Judging, Refused};

pub(super) async fn prepare(
    judging: &mut Judging<'_>,
    method: Method,
    mut message: Object,
) -> Result<Object, Refused> {
    for generation in judging.chain.with(Hook::Prepare) {
        let prepared = generation
            .prepare(&judging.call, &message.text, &mut judging.effects)
            .await;
        if let Some(text) = prepared? {
            let key = judging.endpoint.key();
            let id = message.map.get(key).cloned();
            message = Object::returned(text, Hook::Prepare, generation, &judging.call)?;
            // What the message is about is not the plugin's to change.
            message.set("_method", method.as_str().into());
            match (method, id) {
                (Method::Put | Method::Delete, Some(id)) => message.set(key, id),
                (Method::Post, Some(id)) if !is_key(&id, message.map.get(key)) => {
                    message.set(key, id);
                }
                _ => {}
            }
        }
    }
    Ok(message)
}

/// A plugin may give a new row a key of its own; as text, if it is text, and then not empty.
fn is_key(made: &Value, given: Option<&Value>) -> bool {
    match given {
        Some(Value::String(text)) => made.is_string() && !text.is_empty(),
        Some(Value::Number(_)) => made.is_number(),
        _ => false,
    }
}
