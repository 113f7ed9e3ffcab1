//! Texts of the config that nobody but their use may see.

use std::fmt;

use super::reader::Wrong;
use super::value::Value;

/// HMAC-SHA256 is as strong as its key, up to 256 bits (RFC 7518 demands that many).
const KEY_BYTES: usize = 32;

/// A text that must not reach logs or error messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for comparing or sending.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A text to sign with. Empty is none.
pub(super) fn signing_key(value: &Value<'_>) -> Result<Option<Secret>, Wrong> {
    let text = value.text()?;
    match text.len() {
        0 => Ok(None),
        KEY_BYTES.. => Ok(Some(Secret(text))),
        length => Err(Wrong::new(
            format!("has {length} bytes, and whoever guesses it can be anybody"),
            format!(
                "use at least {KEY_BYTES}, for example the output of `openssl rand -hex 32`; best \
                 from the environment, as ${{NAME}}, or a file, as ${{file:PATH}}"
            ),
        )),
    }
}
