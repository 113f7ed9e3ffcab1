//! Where a request goes, read from its URI once: what is checked against the grants is
//! what is looked up, dialled, and named in TLS and in the `host` header.

use std::fmt;

use http::Uri;
use http::uri::Scheme;
use url::Host;

use crate::plugin::grant::{Grant, host_of};

/// Host and port of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// In lower case, in punycode, without a final dot.
    pub host: Host<String>,
    pub port: u16,
    pub tls: bool,
}

impl Destination {
    /// Reads a URI; none when it is not one that could be sent to a single host. A user
    /// in it is refused: such URIs are made to be misread.
    pub fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = host_of(authority.host())?;
        let port = match authority.port() {
            Some(port) => port.as_str().parse().ok().filter(|port| *port > 0)?,
            // `port` is none for `host:` and for a port that is no number, too.
            None if authority.as_str().len() > authority.host().len() => return None,
            None => usual_port(tls),
        };
        Some(Self { host, port, tls })
    }

    /// The port that the scheme has when none is written.
    pub fn usual_port(&self) -> u16 {
        usual_port(self.tls)
    }

    /// Whether one of the grants is for it.
    pub fn is_granted(&self, grants: &[Grant]) -> bool {
        let usual = self.usual_port();
        grants.iter().any(|grant| {
            matches!(grant, Grant::Http(grant) if grant.allows(&self.host, self.port, usual))
        })
    }
}

fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// As it is in a grant and in the `host` header.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        if self.port != self.usual_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<String> {
        let destination = Destination::of(&uri.parse().ok()?)?;
        Some(format!("{} {destination}", destination.tls))
    }

    #[test]
    fn spellings_of_one_destination_are_one() {
        for (uri, expected) in [
            ("https://api.example.com/x", "true api.example.com"),
            ("https://API.example.COM.:443/", "true api.example.com"),
            ("http://api.example.com:8080", "false api.example.com:8080"),
            ("http://api.example.com:443", "false api.example.com:443"),
            (
                "http://xn--bcher-kva.example/",
                "false xn--bcher-kva.example",
            ),
            ("http://[0::1]:9000/", "false [::1]:9000"),
            // Ways of writing 127.0.0.1 that some resolver would understand.
            ("http://2130706433/", "false 127.0.0.1"),
            ("http://0x7f000001/", "false 127.0.0.1"),
            ("http://0177.1/", "false 127.0.0.1"),
            ("http://127.1./", "false 127.0.0.1"),
        ] {
            assert_eq!(of(uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn what_could_be_misread_is_refused() {
        for uri in [
            "https://user@api.example.com/",
            "https://api.example.com:x@evil.example/",
            "https://api.example.com:0/",
            "https://api.example.com:99999/",
            "https://api.example.com:/",
            "https://exa%00mple.com/",
            "https://[fe80::1%25eth0]/",
            "https://1.2.3.4.5/",
            "ftp://api.example.com/",
            "/only/a/path",
        ] {
            assert_eq!(of(uri), None, "{uri}");
        }
    }
}
