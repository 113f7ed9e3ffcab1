//! What expressions of the config see of a message and of who sent it.

use serde_json::Value;

use crate::args;
use crate::expression::Scope;
use crate::plugin::CallContext;

/// Everything but the message and the row, which whoever evaluates adds.
pub fn of(call: &CallContext) -> Scope<'_> {
    let around = &call.surroundings;
    Scope::new()
        .later("user", || object(around.user()))
        .later("session", || object(around.session()))
        .later("args", || args::to_json(&around.args()))
        .later("endpoint", || (*call.endpoint).into())
        .later("method", || call.method.into())
        .at(call.received_at)
}

/// A JSON object that is kept as text; null where there is none.
fn object(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}
