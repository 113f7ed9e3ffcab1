//! Before the write: change a message or reject it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Exports, run};
use crate::bindings::imports::hookcast::plugin::types;
use crate::bindings::prepare::Guest;
use crate::{Call, Result, json};

/// Before the write: change a message or reject it.
pub trait Prepare {
    /// What the message is read as: [`Json`](crate::Json), or a type of the plugin's own.
    type Message: DeserializeOwned + Serialize;

    /// Returns what is to be stored; none leaves the message as it is.
    ///
    /// # Errors
    /// To reject the message.
    fn prepare(call: &Call, message: Self::Message) -> Result<Option<Self::Message>>;
}

impl<P: Prepare> Guest for Exports<P> {
    fn prepare(call: Call, message: String) -> Result<Option<String>, types::Rejection> {
        run(|| json::transform(&message, |message| P::prepare(&call, message)))
    }
}
