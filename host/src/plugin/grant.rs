//! Capabilities that only the operator gives: `grants` of `[plugins.NAME]`.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

mod http;

pub use http::{HttpGrant, host_of};

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `rows.select` on the endpoint's table.
    RowsRead,
    /// `rows.insert`, `rows.update` and `rows.delete` on the endpoint's table.
    RowsWrite,
    /// Key-value storage of the endpoint, `wasi:keyvalue` and `hookcast:plugin/kv`.
    Kv,
    /// Outgoing requests by `wasi:http` to this host.
    Http(HttpGrant),
    /// `messaging.publish` into the endpoint of this name.
    Publish(String),
    /// `alerts.send`: mails by the services of the config.
    Alerts,
}

/// A text that is no grant.
#[derive(Debug, Clone, PartialEq)]
pub enum NoGrant {
    /// There is no such capability.
    Unknown,
    /// The capability exists, but not for this: what is wrong and what to write.
    Wrong(String),
}

impl Grant {
    /// The forms that `grants` may have, for errors.
    pub const FORMS: &[&str] = &[
        "rows:read",
        "rows:write",
        "kv",
        "http:HOST",
        "publish:ENDPOINT",
        "alerts",
    ];

    /// Reads a grant.
    pub fn parse(text: &str) -> Result<Self, NoGrant> {
        Ok(match text.split_once(':') {
            Some(("rows", "read")) => Self::RowsRead,
            Some(("rows", "write")) => Self::RowsWrite,
            Some(("http", host)) => Self::Http(HttpGrant::parse(host).map_err(NoGrant::Wrong)?),
            Some(("publish", endpoint)) if !endpoint.is_empty() => {
                Self::Publish(endpoint.to_owned())
            }
            None if text == "kv" => Self::Kv,
            None if text == "alerts" => Self::Alerts,
            _ => return Err(NoGrant::Unknown),
        })
    }

    /// Whether an import needs this grant, or one like it.
    pub fn is_for(&self, import: &str) -> bool {
        let form = match self {
            Self::RowsRead | Self::RowsWrite => "rows:read",
            Self::Kv => "kv",
            Self::Http(_) => "http:HOST",
            Self::Publish(_) => "publish:ENDPOINT",
            Self::Alerts => "alerts",
        };
        serves(form, import)
    }

    /// The forms of grants that an import may be called with, any one of which links it;
    /// none where no grant is needed.
    pub fn forms_for(import: &str) -> Vec<&'static str> {
        // Messaging is linked without a grant; only `publish` asks for one.
        let forms = Self::FORMS
            .iter()
            .filter(|form| !form.starts_with("publish:"));
        forms.filter(|form| serves(form, import)).copied().collect()
    }

    /// As written in the config.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::RowsRead => "rows:read".into(),
            Self::RowsWrite => "rows:write".into(),
            Self::Kv => "kv".into(),
            Self::Http(host) => format!("http:{host}").into(),
            Self::Publish(endpoint) => format!("publish:{endpoint}").into(),
            Self::Alerts => "alerts".into(),
        }
    }
}

/// Whether a form of grant is about an import.
fn serves(form: &str, import: &str) -> bool {
    let interface = import.split('@').next().unwrap_or(import);
    match form {
        "rows:read" | "rows:write" => interface == "hookcast:plugin/rows",
        "kv" => interface == "hookcast:plugin/kv" || interface.starts_with("wasi:keyvalue/"),
        "http:HOST" => interface.starts_with("wasi:http/"),
        "alerts" => interface == "hookcast:plugin/alerts",
        _ => interface == "hookcast:plugin/messaging",
    }
}

impl Serialize for Grant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_know_their_grants() {
        let rows = Grant::forms_for("hookcast:plugin/rows@0.1.0");
        assert_eq!(rows, ["rows:read", "rows:write"]);
        assert_eq!(Grant::forms_for("wasi:keyvalue/store@0.2.0-draft"), ["kv"]);
        assert_eq!(Grant::forms_for("wasi:http/types@0.2.0"), ["http:HOST"]);
        assert_eq!(Grant::forms_for("hookcast:plugin/alerts@0.1.1"), ["alerts"]);
        assert!(Grant::forms_for("hookcast:plugin/messaging@0.1.0").is_empty());
        assert!(Grant::Publish("audit".into()).is_for("hookcast:plugin/messaging@0.1.0"));
    }

    #[test]
    fn grants_are_read_as_they_are_written() {
        for text in [
            "rows:read",
            "rows:write",
            "kv",
            "http:example.com:8443",
            "publish:audit",
            "alerts",
        ] {
            let grant = Grant::parse(text).expect(text);
            assert_eq!(grant.name(), text);
        }
        for text in ["", "rows", "rows:", "kv:", "http", "publish:", "all"] {
            assert_eq!(Grant::parse(text), Err(NoGrant::Unknown), "{text}");
        }
        assert!(matches!(Grant::parse("http:"), Err(NoGrant::Wrong(_))));
    }
}
