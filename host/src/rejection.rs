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
    /// The sender has sent more than the endpoint's `rate` allows.
    pub const RATE_LIMITED: &str = "rate_limited";
    /// `_method` is none of POST, PUT, DELETE.
    pub const UNKNOWN_METHOD: &str = "unknown_method";
    /// `_type` names no handler of the endpoint.
    pub const UNKNOWN_TYPE: &str = "unknown_type";
    /// A reserved key (`_msg_id`, `_client`, `_after`, `_wait`, `_auth`) has a value it can't have,
    /// or stands where it can't.
    pub const BAD_KEY: &str = "bad_key";
    /// PUT or DELETE that does not say which rows.
    pub const MISSING_ID: &str = "missing_id";
    /// PUT or DELETE of a row that is not there.
    pub const NOT_FOUND: &str = "not_found";
    /// A DELETE of more rows than one message may take with it.
    pub const TOO_MANY_ROWS: &str = "too_many_rows";
    /// The endpoint's `auth` or `methods` does not let the user do this.
    pub const FORBIDDEN: &str = "forbidden";
    /// An expression of the config has no value for this message or subscription.
    pub const EXPRESSION_FAILED: &str = "expression_failed";
    /// A value does not fit its column.
    pub const BAD_VALUE: &str = "bad_value";
    /// A query key is neither a column nor reserved, or its value can't be converted.
    pub const BAD_FILTER: &str = "bad_filter";
    /// Nobody has said who they are, or what they said can't be believed.
    pub const UNAUTHORIZED: &str = "unauthorized";
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
    /// The endpoint's plugin is away, and no more messages may wait for it.
    pub const QUEUE_FULL: &str = "queue_full";
    /// The server can't write now (disk full, database locked, shutting down).
    pub const UNAVAILABLE: &str = "unavailable";
    /// A bug in the host. The log has more.
    pub const INTERNAL: &str = "internal";

    /// Every code with what has happened and what its receiver can do, as
    /// `docs/errors.md` lists them.
    pub const ALL: &[(&str, &str, &str)] = &[
        (BAD_JSON, "The frame is not JSON.", "Send JSON text."),
        (
            NOT_AN_OBJECT,
            "The frame is JSON, but not an object.",
            "Send an object: `{…}`.",
        ),
        (
            TOO_LARGE,
            "The frame is larger than the endpoint's `message_limit`.",
            "Send less, or ask the operator for a higher limit.",
        ),
        (
            RATE_LIMITED,
            "More messages, or connections, than the endpoint's `rate` allows.",
            "Send it again after `details.retry_ms` milliseconds (`Retry-After` in seconds, for a connection).",
        ),
        (
            UNKNOWN_METHOD,
            "`_method` is none of POST, PUT, DELETE.",
            "Use one of them, in any case, or leave `_method` out for POST.",
        ),
        (
            UNKNOWN_TYPE,
            "`_type` names no handler of the endpoint's plugins.",
            "Use a type that a plugin handles.",
        ),
        (
            BAD_KEY,
            "A reserved key (`_msg_id`, `_client`, `_after`, `_wait`, `_auth`) has a value it can't have, or stands where it can't.",
            "See the message for what it takes.",
        ),
        (
            MISSING_ID,
            "PUT or DELETE that does not say which rows.",
            "Add the row's `id`, or to a DELETE conditions on columns.",
        ),
        (
            NOT_FOUND,
            "PUT or DELETE of a row that is not there, or a DELETE whose conditions no row meets.",
            "It may have been deleted; load the rows anew.",
        ),
        (
            TOO_MANY_ROWS,
            "A DELETE of more than 10,000 rows, or of more than 64 MiB of them.",
            "Add conditions, and send several.",
        ),
        (
            FORBIDDEN,
            "The endpoint's `auth` or `methods` does not let the user do this.",
            "Sign in as someone who may, or ask the operator.",
        ),
        (
            EXPRESSION_FAILED,
            "An expression of the server's config has no value for this message, or for this \
             subscription. `details.default` or `details.open` says which.",
            "See the message: often a key is missing that the expression needs.",
        ),
        (
            BAD_VALUE,
            "A value does not fit its column.",
            "Send a value of the column's type.",
        ),
        (
            BAD_FILTER,
            "A query key, or a condition of a DELETE, is neither a column nor reserved, or its \
             value does not fit.",
            "Correct it; a URL also holds after a reconnect.",
        ),
        (
            UNAUTHORIZED,
            "Nobody has said who they are, or the token can't be accepted.",
            "Log in, or get a new token, and connect again.",
        ),
        (
            REJECTED,
            "A plugin rejected the message without a code of its own.",
            "The message is the plugin's.",
        ),
        (
            PLUGIN_FAILED,
            "A plugin crashed, or answered what the server can't use.",
            "Try again later; the operator finds the cause in the log.",
        ),
        (
            PLUGIN_TIMEOUT,
            "A plugin ran past its deadline.",
            "Try again later; the operator finds the cause in the log.",
        ),
        (
            CONSTRAINT,
            "The database refused the row: UNIQUE, CHECK, NOT NULL, FOREIGN KEY.",
            "Change the values; the same ones will be refused again.",
        ),
        (
            CONFLICT,
            "What the message was judged on kept changing while it was to be written.",
            "Send it again.",
        ),
        (
            MSG_ID_REUSED,
            "The `_msg_id` was used for another message within the last 24 hours.",
            "Give every message its own `_msg_id`; repeat it only with the same message.",
        ),
        (
            QUEUE_FULL,
            "A plugin of the endpoint is away, and no more messages may wait for it.",
            "Send it again later, with the same `_msg_id`.",
        ),
        (
            UNAVAILABLE,
            "The server can't write now: disk full, database locked, shutting down.",
            "Send it again later, with the same `_msg_id`.",
        ),
        (
            INTERNAL,
            "A bug in the server.",
            "Send it again once; the operator finds the cause in the log.",
        ),
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

#[cfg(test)]
mod tests {
    use super::code;
    use crate::golden;
    use crate::http::status;

    #[test]
    fn the_page_of_errors_is_up_to_date() {
        let mut page = String::from(
            "# Errors\n\n\
             Generated from `host/src/rejection.rs`; a test keeps it up to date.\n\n\
             A message that is not accepted takes no effect at all. Its sender gets a frame\n\n\
             ```json\n\
             {\"_error\": {\"code\": \"bad_value\", \"message\": \"`count` must be a whole number\", \
             \"_msg_id\": \"m1\"}}\n\
             ```\n\n\
             and the connection stays open. `code` is stable and meant for programs, \
             `message` for people. `_msg_id` is that of the message, if it had one; \
             `details` is there where there is more to say. Plugins add codes of their own.\n\n\
             Who sends by [HTTP](http.md) gets the same as problem details (RFC 9457): `code`, \
             `details` and `_msg_id`, the message as `detail`, and the status of the table. A \
             plugin's own codes are 422 there; a `connect` hook that refuses gives the status \
             itself.\n\n\
             | Code | HTTP | What has happened | What to do |\n| --- | --- | --- | --- |\n",
        );
        for (code, happened, remedy) in code::ALL {
            let status = status::of(code).as_u16();
            page += &format!("| `{code}` | {status} | {happened} | {remedy} |\n");
        }
        golden::compare(&golden::repository("docs/errors.md"), &page);
    }
}
