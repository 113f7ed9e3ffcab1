//! The `prepare` hooks: change a message or reject it.

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
            let id = message.map.get("id").cloned();
            message = Object::returned(text, Hook::Prepare, generation, &judging.call)?;
            // What the message is about is not the plugin's to change.
            message.set("_method", method.as_str().into());
            match (method, id) {
                (Method::Put | Method::Delete, Some(id)) => message.set("id", id),
                (Method::Post, Some(id)) if !is_id(&message) => message.set("id", id),
                _ => {}
            }
        }
    }
    Ok(message)
}

/// A plugin may give a new row an id of its own; text that is not empty.
fn is_id(message: &Object) -> bool {
    message
        .map
        .get("id")
        .and_then(serde_json::Value::as_str)
        .is_some_and(|id| !id.is_empty())
}
