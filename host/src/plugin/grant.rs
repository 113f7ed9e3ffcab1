//! Capabilities that only the operator gives: `grants` of `[plugins.NAME]`.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `rows.select` on the endpoint's table.
    RowsRead,
    /// `rows.insert`, `rows.update` and `rows.delete` on the endpoint's table.
    RowsWrite,
    /// Key-value storage of the endpoint, `wasi:keyvalue` and `hookcast:plugin/kv`.
    Kv,
    /// Outgoing requests by `wasi:http` to this host: a name or an address, with a port
    /// where it is not the scheme's own.
    Http(String),
    /// `messaging.publish` into the endpoint of this name.
    Publish(String),
}

impl Grant {
    /// The forms that `grants` may have, for errors.
    pub const FORMS: &[&str] = &[
        "rows:read",
        "rows:write",
        "kv",
        "http:HOST",
        "publish:ENDPOINT",
    ];

    /// Reads a grant; none when there is no such capability.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            Some(("rows", "read")) => Self::RowsRead,
            Some(("rows", "write")) => Self::RowsWrite,
            Some(("http", host)) if !host.is_empty() => Self::Http(host.to_owned()),
            Some(("publish", endpoint)) if !endpoint.is_empty() => {
                Self::Publish(endpoint.to_owned())
            }
            None if text == "kv" => Self::Kv,
            _ => return None,
        })
    }

    /// Whether an import needs this grant, or one like it.
    pub fn is_for(&self, import: &str) -> bool {
        let interface = import.split('@').next().unwrap_or(import);
        match self {
            Self::RowsRead | Self::RowsWrite => interface == "hookcast:plugin/rows",
            Self::Kv => {
                interface == "hookcast:plugin/kv" || interface.starts_with("wasi:keyvalue/")
            }
            Self::Http(_) => interface.starts_with("wasi:http/"),
            Self::Publish(_) => interface == "hookcast:plugin/messaging",
        }
    }

    /// The forms of grants that an import may be called with, any one of which links it;
    /// none where no grant is needed.
    pub fn forms_for(import: &str) -> Vec<&'static str> {
        let forms = Self::FORMS.iter().copied();
        let linked = forms.filter(|form| {
            let grant = Self::parse(form);
            // Messaging is linked without a grant; only `publish` asks for one.
            grant.is_some_and(|grant| grant.is_for(import) && !matches!(grant, Self::Publish(_)))
        });
        linked.collect()
    }

    /// As written in the config.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::RowsRead => "rows:read".into(),
            Self::RowsWrite => "rows:write".into(),
            Self::Kv => "kv".into(),
            Self::Http(host) => format!("http:{host}").into(),
            Self::Publish(endpoint) => format!("publish:{endpoint}").into(),
        }
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
        ] {
            let grant = Grant::parse(text).expect(text);
            assert_eq!(grant.name(), text);
        }
        for text in ["", "rows", "rows:", "kv:", "http:", "publish:", "all"] {
            assert_eq!(Grant::parse(text), None, "{text}");
        }
    }
}
