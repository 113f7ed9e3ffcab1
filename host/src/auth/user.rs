//! The user of a connection: an id, and what else is known.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

/// Longest id, in bytes. It stands in rows, logs and metrics of every message.
const ID_LIMIT: usize = 256;

/// Who somebody is, and by what right is not said: a token, a proxy or a `connect` hook.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: Arc<str>,
    /// A JSON object with at least `id`, as text.
    pub claims: String,
    /// When what vouches for them ends; none where nothing does.
    pub until: Option<Instant>,
}

impl User {
    /// A user with claims; `id` among them is always the user's id.
    pub fn new(id: &str, mut claims: Map<String, Value>) -> Self {
        claims.insert("id".into(), id.into());
        Self {
            id: id.into(),
            claims: Value::Object(claims).to_string(),
            until: None,
        }
    }

    /// The same, for some time only.
    #[must_use]
    pub fn until(self, until: Option<Instant>) -> Self {
        Self { until, ..self }
    }

    /// A user as a plugin names it: claims are the text of a JSON object, or none.
    pub fn named(id: &str, claims: Option<&str>) -> Self {
        let parsed = claims.and_then(|text| serde_json::from_str(text).ok());
        Self::new(id, parsed.unwrap_or_default())
    }

    /// The claims as expressions see them.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.claims).unwrap_or_default()
    }
}

/// Whether a text can be a user's id: not empty, not too long, and without characters
/// that would make two ids look like one.
pub fn is_user_id(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= ID_LIMIT && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_cannot_name_another_id() {
        let user = User::named("ann", Some(r#"{"id": "bob", "role": "admin"}"#));
        assert_eq!(user.claims, r#"{"id":"ann","role":"admin"}"#);
        assert_eq!(User::named("ann", None).claims, r#"{"id":"ann"}"#);
        assert_eq!(User::named("ann", Some("[1]")).claims, r#"{"id":"ann"}"#);
    }

    #[test]
    fn ids_are_text_that_can_be_told_apart() {
        assert!(is_user_id("ann@example.org") && is_user_id("Änne Müller"));
        let long = "x".repeat(257);
        for bad in ["", "  ", "a\nb", "a\0", &long] {
            assert!(!is_user_id(bad), "{bad:?}");
        }
    }
}
