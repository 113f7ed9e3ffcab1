//! Fill fields of a message.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Exports, run};
use crate::bindings::defaults::Guest;
use crate::bindings::imports::hookcast::plugin::types;
use crate::{Call, Result, json};

/// Fill fields of a message. Runs after the built-in defaults.
pub trait Defaults {
    /// What the message is read as: [`Json`](crate::Json), or a type of the plugin's own.
    type Message: DeserializeOwned + Serialize;

    /// Returns the message with its defaults; none leaves it as it is. `user` is always
    /// the authenticated identity, whatever is returned.
    ///
    /// # Errors
    /// To reject the message.
    fn defaults(call: &Call, message: Self::Message) -> Result<Option<Self::Message>>;
}

impl<P: Defaults> Guest for Exports<P> {
    fn defaults(call: Call, message: String) -> Result<Option<String>, types::Rejection> {
        run(|| json::transform(&message, |message| P::defaults(&call, message)))
    }
}
