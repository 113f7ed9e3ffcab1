//! Typed messages: answered by the plugin instead of being stored.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Exports, run};
use crate::bindings::handlers::Guest;
use crate::bindings::imports::hookcast::plugin::types;
use crate::{Call, Result, json, reject};

/// A message type, which is answered by the plugin instead of being stored.
///
/// ```
/// use hookcast_guest::{Call, Handler, Json, Result, export, json, serde};
///
/// struct Echo;
///
/// #[derive(serde::Deserialize)]
/// #[serde(crate = "hookcast_guest::serde")]
/// struct Ping {
///     data: Json,
/// }
///
/// impl Handler for Ping {
///     const TYPE: &str = "ping";
///     type Reply = Json;
///
///     fn handle(self, _call: &Call) -> Result<Option<Json>> {
///         Ok(Some(json!({"_type": "pong", "data": self.data})))
///     }
/// }
///
/// export!(Echo: handlers(Ping));
/// ```
pub trait Handler: DeserializeOwned {
    /// The value that selects it: `_type` in the gramex dialect.
    const TYPE: &'static str;
    /// JSON Schema of the message, as text; none accepts any object.
    const SCHEMA: Option<&'static str> = None;
    /// What the sender is answered; `()` for a handler that never answers.
    type Reply: Serialize;

    /// Answers the message; none for no answer.
    ///
    /// # Errors
    /// To reject the message.
    fn handle(self, call: &Call) -> Result<Option<Self::Reply>>;
}

/// A [`Handler`] without its code.
#[derive(Clone, Copy)]
pub struct MessageType {
    pub(crate) name: &'static str,
    pub(crate) schema: Option<&'static str>,
}

impl MessageType {
    /// What the handler declares.
    #[must_use]
    pub const fn of<H: Handler>() -> Self {
        Self {
            name: H::TYPE,
            schema: H::SCHEMA,
        }
    }
}

/// The handlers of a plugin; `export!` implements it from their list.
pub trait Handlers {
    /// Finds the handler of the type and runs it.
    fn dispatch(call: &Call, message_type: &str, message: &str) -> Result<Option<String>>;
}

/// Reads the message and lets its handler answer.
pub fn answer<H: Handler>(call: &Call, message: &str) -> Result<Option<String>> {
    json::encode(json::decode::<H>(message)?.handle(call)?)
}

/// The host asks only for types that were described, so this is about other hosts.
pub fn unknown(message_type: &str) -> Result<Option<String>> {
    reject(
        "unknown_type",
        format!("There is no message type `{message_type}`."),
    )
}

impl<P: Handlers> Guest for Exports<P> {
    fn handle(
        call: Call,
        message_type: String,
        message: String,
    ) -> Result<Option<String>, types::Rejection> {
        run(|| P::dispatch(&call, &message_type, &message))
    }
}

/// Checked when the plugin is compiled: the host would refuse it.
#[must_use]
pub const fn no_two_alike(types: &[MessageType]) -> bool {
    let mut i = 0;
    while i < types.len() {
        let mut j = 0;
        while j < i {
            if equal(types[i].name.as_bytes(), types[j].name.as_bytes()) {
                return false;
            }
            j += 1;
        }
        i += 1;
    }
    true
}

/// `==`, which is not yet available in constants.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
