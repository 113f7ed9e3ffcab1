//! What host functions answer when they refuse.

use std::fmt;

use crate::bindings::imports::hookcast::plugin::types;
use crate::bindings::imports::wasi::config::store;
use crate::bindings::imports::wasi::keyvalue::store as keyvalue;

/// A host function refused, and nothing was done. (Only of an HTTP request that failed it is
/// not known whether the other side has acted on it.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// `invalid`, `denied`, `limit`, `not_found` or `unavailable`; of [`http`](crate::http)
    /// also `timeout` and `interrupted`.
    pub code: String,
    /// What was wrong and what to do about it.
    pub message: String,
}

impl HostError {
    /// An error of the SDK's own, in the words of the host.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for HostError {}

impl From<types::Error> for HostError {
    fn from(error: types::Error) -> Self {
        Self {
            code: error.code,
            message: error.message,
        }
    }
}

impl From<store::Error> for HostError {
    fn from(error: store::Error) -> Self {
        let (store::Error::Upstream(message) | store::Error::Io(message)) = error;
        Self::new("unavailable", message)
    }
}

/// `wasi:keyvalue` has no codes; the host puts them before the text.
impl From<keyvalue::Error> for HostError {
    fn from(error: keyvalue::Error) -> Self {
        match error {
            keyvalue::Error::NoSuchStore => Self::new("not_found", "there is no such bucket"),
            keyvalue::Error::AccessDenied => Self::new(
                "denied",
                "needs the grant \"kv\": add it to the plugin's `grants`",
            ),
            keyvalue::Error::Other(text) => match text.split_once(": ") {
                Some((code, message)) => Self::new(code, message),
                None => Self::new("unavailable", text),
            },
        }
    }
}

/// What a plugin passed to a host function could not be written as JSON.
impl From<serde_json::Error> for HostError {
    fn from(error: serde_json::Error) -> Self {
        Self::new("invalid", error.to_string())
    }
}
