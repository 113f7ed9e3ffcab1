//! Why a message is not accepted.

use std::fmt;

use crate::bindings::imports::hookcast::plugin::types;
use crate::{HostError, Json, Level, log};

/// What a hook returns; `?` turns errors of serde and of host functions into rejections.
pub type Result<T, E = Rejection> = std::result::Result<T, E>;

/// A message is not accepted, and nothing of the call takes effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// Stable word for programs, such as `too_long`.
    pub code: String,
    /// Sentence for the person who sent the message; reaches them verbatim.
    pub message: String,
    /// More for programs, sent along as `details`; boxed to keep every `Result` small.
    pub details: Option<Box<Json>>,
    /// What the operator should know and the sender should not: goes to the log.
    pub cause: Option<String>,
}

/// Ends a hook: `return reject("too_long", "At most 2,000 characters.")`.
///
/// # Errors
/// Always: that is its purpose.
pub fn reject<T>(code: impl Into<String>, message: impl Into<String>) -> Result<T> {
    Err(Rejection::new(code, message))
}

impl Rejection {
    /// A rejection without details, for `ok_or_else` and `map_err`.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
            cause: None,
        }
    }

    /// Adds what programs need to know.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<Json>) -> Self {
        self.details = Some(Box::new(details.into()));
        self
    }

    /// The plugin failed, and not for what the sender did: the cause is for the log only.
    #[must_use]
    pub fn plugin_error(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                "plugin_error",
                "The server could not process this message. Its operator can see why.",
            )
        }
    }

    /// Logs the cause and makes it ready for the host.
    pub(crate) fn into_wire(self) -> types::Rejection {
        if let Some(cause) = &self.cause {
            log(Level::Error, &self.code, cause);
        }
        types::Rejection {
            code: self.code,
            message: self.message,
            details: self.details.map(|details| details.to_string()),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Rejection {}

/// The message has not the shape that the plugin expects.
impl From<serde_json::Error> for Rejection {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            "invalid_message",
            format!("The message is not valid: {error}."),
        )
    }
}

impl From<HostError> for Rejection {
    fn from(error: HostError) -> Self {
        Self::plugin_error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn serde_errors_name_the_field() {
        fn read(text: &str) -> Result<(String, u32)> {
            Ok(serde_json::from_str(text)?)
        }
        let rejection = read(r#"["a", "b"]"#).unwrap_err();
        assert_eq!(rejection.code, "invalid_message");
        assert!(rejection.message.contains("expected u32"), "{rejection}");
    }

    #[test]
    fn causes_stay_with_the_operator() {
        let error = HostError::new("denied", "needs the grant `rows:write`");
        let rejection = Rejection::from(error);
        assert!(rejection.cause.as_deref().unwrap().contains("rows:write"));
        let wire = rejection.into_wire();
        assert_eq!(wire.code, "plugin_error");
        assert!(!wire.message.contains("rows:write"));
    }

    #[test]
    fn details_cross_as_json() {
        let rejection = Rejection::new("too_long", "Too long.").with_details(json!({"max": 5}));
        assert_eq!(
            rejection.into_wire().details.as_deref(),
            Some(r#"{"max":5}"#)
        );
    }
}
