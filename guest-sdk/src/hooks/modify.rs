//! What is broadcast.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Exports, run};
use crate::bindings::imports::hookcast::plugin::types;
use crate::bindings::modify::Guest;
use crate::{Call, Result, json};

/// What is broadcast. The table keeps the row, subscribers get what this returns.
pub trait Modify {
    /// What the message is read as: [`Json`](crate::Json), or a type of the plugin's own.
    type Message: DeserializeOwned + Serialize;

    /// Takes what would be broadcast and returns what is; none leaves it as it is. Its
    /// `id` can't be changed.
    ///
    /// # Errors
    /// To reject the message: then it is not stored either.
    fn modify(
        call: &Call,
        message: Self::Message,
        stored: &Stored,
    ) -> Result<Option<Self::Message>>;
}

/// The row behind a message. It is read only when asked for, as most plugins don't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    row: Option<String>,
    old: Option<String>,
}

impl Stored {
    /// For unit tests: rows as JSON text.
    #[must_use]
    pub fn new(row: Option<String>, old: Option<String>) -> Self {
        Self { row, old }
    }

    /// The row exactly as it will be stored; none for DELETE.
    ///
    /// # Errors
    /// When it is not a `T`.
    pub fn row<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.row.as_deref().map(json::decode).transpose()
    }

    /// The row as it was before a PUT or DELETE.
    ///
    /// # Errors
    /// When it is not a `T`.
    pub fn old<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.old.as_deref().map(json::decode).transpose()
    }
}

impl<P: Modify> Guest for Exports<P> {
    fn modify(
        call: Call,
        message: String,
        row: Option<String>,
        old: Option<String>,
    ) -> Result<Option<String>, types::Rejection> {
        let stored = Stored { row, old };
        run(|| json::transform(&message, |message| P::modify(&call, message, &stored)))
    }
}
