//! `[server]`: the public listener.

use std::net::SocketAddr;
use std::time::Duration;

use super::reader::{Section, Wrong};
use super::value::Value;

/// Where clients connect, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    /// Whether `/` serves the page to try things out.
    pub page: bool,
    /// `Origin` values that may connect besides the server's own, as browsers send
    /// them: scheme, host and port, no path.
    pub origins: Vec<String>,
    /// Names that the server is known by, with a port or for any port; `*` is every name.
    /// Empty: any, or, on a loopback address, those that can only mean this machine.
    pub hosts: Vec<String>,
    pub max_connections: usize,
    /// How long a shutdown waits for connections to take what is queued for them.
    pub shutdown_grace: Duration,
    /// What part of the processors one endpoint may take before it is served in the
    /// background.
    pub endpoint_share: f64,
}

impl ServerConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            listen: section.read("listen", SocketAddr::from(([127, 0, 0, 1], 8080)), address),
            page: section.read("page", false, Value::flag),
            origins: section.list("origins", origin).unwrap_or_default(),
            hosts: section.list("hosts", host).unwrap_or_default(),
            max_connections: section.read("max_connections", 20_000, |value| {
                value.whole(1..=10_000_000)
            }),
            shutdown_grace: section.read("shutdown_grace", Duration::from_secs(5), |value| {
                value.duration(Duration::ZERO..=Duration::from_secs(600))
            }),
            endpoint_share: section.read("endpoint_share", 1.0 / 16.0, Value::share),
        };
        section.finish();
        config
    }
}

/// An address to listen on.
pub(super) fn address(value: &Value<'_>) -> Result<SocketAddr, Wrong> {
    let text = value.text()?;
    // Host names are not resolved: which of a name's addresses is meant would depend
    // on the machine.
    text.parse().map_err(|_| {
        Wrong::new(
            format!("is {text:?}, which is no IP address and port"),
            "write for example \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every interface",
        )
    })
}

/// An `Origin` as browsers send it. It is compared letter by letter, so that anything
/// else could never match.
fn origin(value: &Value<'_>) -> Result<String, Wrong> {
    let text = value.text()?;
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or_default();
    let unlike_browsers = |c: char| c.is_whitespace() || c.is_uppercase() || "/*?#@".contains(c);
    if host.is_empty() || host.contains(unlike_browsers) {
        return Err(Wrong::new(
            format!("has {text:?}, which no browser sends as its Origin"),
            "write scheme, host and any port in small letters, as \"https://example.org\"",
        ));
    }
    Ok(text)
}

/// A name as it is in the `Host` header.
fn host(value: &Value<'_>) -> Result<String, Wrong> {
    let text = value.text()?;
    let unlike_hosts = |c: char| c.is_whitespace() || "/?#@".contains(c);
    let wildcard_inside = text != "*" && text.contains('*');
    if text.is_empty() || text.contains(unlike_hosts) || wildcard_inside {
        return Err(Wrong::new(
            format!("has {text:?}, which no client sends as its Host"),
            "write a name, with its port if only that one is meant, as \"chat.example.org\"; \
             \"*\" for every name",
        ));
    }
    Ok(text)
}

#[cfg(test)]
impl Default for ServerConfig {
    /// What an empty section says.
    fn default() -> Self {
        let table = toml::de::DeTable::parse("").expect("TOML");
        let reading = super::reader::Reading::new("", &|_| None);
        Self::read(Section::root(&reading, table.get_ref()))
    }
}
