//! Typed messages: answered by a plugin's handler instead of being stored.

use serde_json::{Map, Value};

use crate::deliver::Step;
use crate::log::submission::Item;
use crate::plugin::Hook;
use crate::rejection::{Rejection, code};

use super::object::Object;
use super::{Judging, Refused};

/// Runs the handler of a message type; its answer goes to the sender after the commit.
pub(super) async fn handle(
    judging: &mut Judging<'_>,
    message_type: &str,
    message: &Map<String, Value>,
) -> Result<Option<Item>, Refused> {
    let Some(generation) = judging.chain.handler(message_type) else {
        // The plugins were exchanged between decoding and judging.
        let text = format!("no plugin handles `{message_type}` any more");
        return Err(Rejection::new(code::UNKNOWN_TYPE, text).into());
    };
    let message = Object::new(message.clone());
    let answer = generation
        .handle(
            &judging.call,
            message_type,
            &message.text,
            &mut judging.effects,
        )
        .await?;
    let Some(json) = answer else { return Ok(None) };
    if let Err(error) = serde_json::from_str::<&serde_json::value::RawValue>(&json) {
        let reason = format!("returned text that is not JSON: {error}");
        let error = generation.bad_output(&judging.call, Hook::Handlers, reason);
        return Err(error.into());
    }
    Ok(Some(Item::Step(Step::Push {
        connection: judging.call.connection,
        json,
    })))
}
