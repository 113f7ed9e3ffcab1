//! Why a message was not accepted, in the words its sender gets.
//!
//! A rejection has two readers. The client gets a stable `code` for programs and a
//! sentence that says what happened and what to do. What an operator needs besides
//! (plugin, version, generation, database error) goes to the log where the rejection
//! is made, never to the client.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The codes the host itself gives; plugins add their own. Listed for users in
/// `docs/errors.md`, which a test compares with this list.
pub mod code {
    /// The frame is not JSON.
    pub const BAD_JSON: &str = "bad_json";
    /// The frame is JSON, but not an object.
    pub const NOT_AN_OBJECT: &str = "not_an_object";
    /// The frame is larger than the endpoint's `message_limit`.
    pub const TOO_LARGE: &str = "too_large";
    /// `_method` is none of POST, PUT, DELETE.
    pub const UNKNOWN_METHOD: &str = "unknown_method";
    /// `_type` names no handler of the endpoint.
    pub const UNKNOWN_TYPE: &str = "unknown_type";
    /// A reserved key (`_msg_id`, `_client`, `_after`) has a value it can't have.
    pub const BAD_KEY: &str = "bad_key";
    /// PUT or DELETE without an `id`.
    pub const MISSING_ID: &str = "missing_id";
    /// PUT or DELETE of a row that is not there.
    pub const NOT_FOUND: &str = "not_found";
    /// A value does not fit its column.
    pub const BAD_VALUE: &str = "bad_value";
    /// A query key is neither a column nor reserved, or its value can't be converted.
    pub const BAD_FILTER: &str = "bad_filter";
    /// A plugin rejected the message without a code of its own.
    pub const REJECTED: &str = "rejected";
    /// A plugin trapped or answered what the host can't use.
    pub const PLUGIN_FAILED: &str = "plugin_failed";
    /// A plugin ran past its deadline.
    pub const PLUGIN_TIMEOUT: &str = "plugin_timeout";
    /// The database refused the row: UNIQUE, CHECK, NOT NULL, FOREIGN KEY.
    pub const CONSTRAINT: &str = "constraint";
    /// What was judged had changed by the time it was written, three times.
    pub const CONFLICT: &str = "conflict";
    /// The `_msg_id` was used for another message within the last 24 hours.
    pub const MSG_ID_REUSED: &str = "msg_id_reused";
    /// The server can't write now (disk full, database locked, shutting down).
    pub const UNAVAILABLE: &str = "unavailable";
    /// A bug in the host. The log has more.
    pub const INTERNAL: &str = "internal";

    /// Every code, for the documentation test.
    pub const ALL: &[&str] = &[
        BAD_JSON,
        NOT_AN_OBJECT,
        TOO_LARGE,
        UNKNOWN_METHOD,
        UNKNOWN_TYPE,
        BAD_KEY,
        MISSING_ID,
        NOT_FOUND,
        BAD_VALUE,
        BAD_FILTER,
        REJECTED,
        PLUGIN_FAILED,
        PLUGIN_TIMEOUT,
        CONSTRAINT,
        CONFLICT,
        MSG_ID_REUSED,
        UNAVAILABLE,
        INTERNAL,
    ];
}

/// A message that is not accepted. Nothing of it takes effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// Stable word for programs.
    pub code: Cow<'static, str>,
    /// Sentence for the sender.
    pub message: String,
    /// More for programs.
    pub details: Option<Value>,
}

impl Rejection {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            message: message.into(),
            details: None,
        }
    }

    /// As a JSON object: `code`, `message` and, where there are any, `details`.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("code".into(), self.code.as_ref().into());
        object.insert("message".into(), self.message.as_str().into());
        if let Some(details) = &self.details {
            object.insert("details".into(), details.clone());
        }
        object
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Rejection {}
