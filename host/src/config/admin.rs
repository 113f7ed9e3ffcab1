//! `[admin]`: the admin API's own listener.

use std::net::SocketAddr;

use super::reader::{Section, Wrong};
use super::secret::Secret;
use super::server::{ServerConfig, address};
use super::value::Value;

/// Where operators connect, and what lets them in.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminConfig {
    pub listen: SocketAddr,
    /// The bearer token. None: the server makes one at start and prints it, which is
    /// only allowed on loopback.
    pub token: Option<Secret>,
}

impl AdminConfig {
    pub(super) fn read(mut section: Section<'_>, server: &ServerConfig) -> Self {
        let default = SocketAddr::from(([127, 0, 0, 1], 8081));
        let listen = section.take("listen");
        let token = section.take("token");
        let reading = section.reading;
        let place = listen.as_ref().map_or(section.at, |value| value.at);
        section.finish();

        let read = |value: Value<'_>| {
            let result = address(&value);
            result
                .map_err(|wrong| reading.report_value(&value, wrong))
                .ok()
        };
        let listen = listen.and_then(read).unwrap_or(default);
        // None: no token is configured; an error: one is, but it can't be used.
        let token = token.map_or(Ok(None), |value| {
            secret(&value).map_err(|wrong| reading.report_value(&value, wrong))
        });
        if token == Ok(None) && !listen.ip().is_loopback() {
            reading.report(
                place,
                format!("`admin.listen` is {listen}, reachable from outside, without a token"),
                "set `admin.token`, or listen on 127.0.0.1",
            );
        }
        if listen == server.listen && listen.port() != 0 {
            let what = format!("`admin.listen` is {listen}, where clients connect");
            reading.report(place, what, "give the admin API a port of its own");
        }
        Self {
            listen,
            token: token.unwrap_or(None),
        }
    }
}

/// A token. Empty is none.
fn secret(value: &Value<'_>) -> Result<Option<Secret>, Wrong> {
    let text = value.text()?;
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Wrong::new(
            "has characters that can't be sent in an HTTP header",
            "use letters, digits and ASCII punctuation, for example the output of \
             `openssl rand -hex 32`",
        ));
    }
    Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::new))
}
