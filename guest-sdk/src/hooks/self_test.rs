//! What the plugin checks itself by.

use super::Exports;
use crate::bindings::self_test::Guest;
use crate::{Json, install_panic_hook};

/// Calls with what is expected of them. The host runs them when it loads the plugin, each
/// on an instance of its own, and keeps the generation before when one of them fails.
pub trait SelfTest {
    /// The fixtures; the host's documentation has their format.
    fn fixtures() -> Vec<Fixture>;
}

/// One fixture: a JSON object, from a file or made with [`json!`](crate::json).
///
/// ```
/// use hookcast_guest::{Fixture, json};
///
/// let empty = Fixture::from(json!({
///     "name": "empty messages are rejected",
///     "hook": "prepare",
///     "message": {"body": ""},
///     "expect": {"reject": {"code": "empty_body"}},
/// }));
/// let other = Fixture::from(r#"{"hook": "close", "expect": "unchanged"}"#);
/// ```
///
/// A recorded call that became a file is `Fixture::from(include_str!("…"))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture(String);

impl From<Json> for Fixture {
    fn from(value: Json) -> Self {
        Self(value.to_string())
    }
}

impl From<&str> for Fixture {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<P: SelfTest> Guest for Exports<P> {
    fn fixtures() -> Vec<String> {
        install_panic_hook();
        let fixtures = P::fixtures().into_iter();
        fixtures.map(|Fixture(text)| text).collect()
    }
}
