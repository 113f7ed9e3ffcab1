//! What expressions of the config see of a message and of who sent it.

use serde_json::{Map, Value};

use crate::expression::Scope;
use crate::plugin::CallContext;

/// Everything but the message and the row, which whoever evaluates adds.
pub fn of(call: &CallContext) -> Scope<'_> {
    let around = &call.surroundings;
    Scope::new()
        .later("user", || object(around.user()))
        .later("session", || object(around.session()))
        .later("args", || args(around.args()))
        .later("endpoint", || (*call.endpoint).into())
        .later("method", || call.method.into())
        .at(call.received_at)
}

/// A JSON object that is kept as text; null where there is none.
fn object(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Each key with the list of its values.
fn args(args: Vec<(String, Vec<String>)>) -> Value {
    let args = args.into_iter().map(|(key, values)| (key, values.into()));
    Value::Object(args.collect::<Map<_, _>>())
}
