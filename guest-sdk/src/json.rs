//! Messages in, messages out.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Rejection, Result};

/// Reads what the host passes to a hook.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(serde_json::from_str(text)?)
}

/// Writes what a hook returns. A failure is the plugin's, not the sender's.
pub(crate) fn encode<T: Serialize>(value: Option<T>) -> Result<Option<String>> {
    let text = value.map(|value| serde_json::to_string(&value));
    text.transpose().map_err(Rejection::plugin_error)
}

/// Reads a message, lets a hook change it, and writes it.
pub(crate) fn transform<M: DeserializeOwned + Serialize>(
    text: &str,
    hook: impl FnOnce(M) -> Result<Option<M>>,
) -> Result<Option<String>> {
    encode(hook(decode(text)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Json;
    use std::collections::BTreeMap;

    #[test]
    fn unknown_keys_and_their_order_are_kept() {
        let out = transform(r#"{"z":1,"a":{"y":2,"b":3}}"#, |mut message: Json| {
            message["new"] = true.into();
            Ok(Some(message))
        });
        let expected = r#"{"z":1,"a":{"y":2,"b":3},"new":true}"#;
        assert_eq!(out.unwrap().as_deref(), Some(expected));
    }

    #[test]
    fn none_means_unchanged() {
        assert_eq!(transform("{}", |_: Json| Ok(None)).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_written_is_the_plugins_fault() {
        let keys_are_no_strings = BTreeMap::from([((1, 2), 3)]);
        let rejection = encode(Some(keys_are_no_strings)).unwrap_err();
        assert_eq!(rejection.code, "plugin_error");
    }
}
