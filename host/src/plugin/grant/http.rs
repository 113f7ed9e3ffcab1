//! `http:HOST`: where a plugin may send requests.

use std::fmt;
use std::net::IpAddr;

use url::Host;

/// A host that may be called: a name, the names below one, or an IP address.
///
/// Kept as it is compared: in lower case, in punycode, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpGrant {
    whom: Whom,
    /// None: the port that the scheme usually has, 443 or 80.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Name(String),
    /// Names that end in a dot and this.
    Below(String),
    Address(IpAddr),
}

impl HttpGrant {
    /// Reads what is behind `http:`; the error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it names no host; write it as \"http:api.example.com\"".into());
        }
        if text.contains(['/', '@', '?', '#']) {
            return Err(
                "a grant is a host with or without a port; leave scheme, user and path out, as in \
                 \"http:api.example.com\""
                    .into(),
            );
        }
        let (host, port) = split_port(text)?;
        let whom = match host.strip_prefix("*.") {
            Some(name) => Whom::Below(parent(name)?),
            None if host.contains('*') => {
                return Err(
                    "`*.` stands for all names below another and can only be the beginning, as in \
                     \"http:*.example.com\""
                        .into(),
                );
            }
            None => match host_of(host).ok_or_else(|| no_host(host))? {
                Host::Domain(name) => Whom::Name(name),
                Host::Ipv4(address) => Whom::Address(address.into()),
                Host::Ipv6(address) => Whom::Address(address.into()),
            },
        };
        Ok(Self { whom, port })
    }

    /// Whether a request to this host and port is granted; `usual` is the port that its
    /// scheme has when none is written.
    pub fn allows(&self, host: &Host<String>, port: u16, usual: u16) -> bool {
        self.port.unwrap_or(usual) == port
            && match (&self.whom, host) {
                (Whom::Name(granted), Host::Domain(name)) => granted == name,
                (Whom::Below(parent), Host::Domain(name)) => name
                    .strip_suffix(parent.as_str())
                    .is_some_and(|sub| sub.len() > 1 && sub.ends_with('.')),
                (Whom::Address(granted), Host::Ipv4(address)) => granted == address,
                (Whom::Address(granted), Host::Ipv6(address)) => granted == address,
                _ => false,
            }
    }
}

impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.whom {
            Whom::Name(name) => write!(f, "{name}")?,
            Whom::Below(parent) => write!(f, "*.{parent}")?,
            Whom::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Whom::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Reads a host as browsers do: any spelling of a name or an address becomes the same.
pub fn host_of(text: &str) -> Option<Host<String>> {
    Some(match Host::parse(text).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            if name.is_empty() || name.starts_with('.') || name.ends_with('.') {
                return None;
            }
            Host::Domain(name.to_owned())
        }
        address => address,
    })
}

/// Splits off the port. An address with colons has to be in brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let end = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match text[end..].split_once(':') {
        Some((rest, port)) => (&text[..end + rest.len()], Some(port)),
        None => (text, None),
    };
    if port.is_some_and(|port| port.contains(':')) {
        return Err(format!(
            "an IPv6 address is written in brackets, as in \"http:[{text}]\" or \"http:[::1]:9000\""
        ));
    }
    let read = |port: &str| match port.parse() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => Err(format!(
            "{port:?} is no port; write a number from 1 to 65535"
        )),
    };
    Ok((host, port.map(read).transpose()?))
}

/// The name behind `*.`. One without a dot would be half of the internet.
fn parent(name: &str) -> Result<String, String> {
    match host_of(name) {
        Some(Host::Domain(parent)) if parent.contains('.') && !parent.contains('*') => Ok(parent),
        Some(Host::Domain(parent)) => Err(format!(
            "\"*.{parent}\" covers too much; name at least two labels, as in \"http:*.example.com\""
        )),
        _ => Err(no_host(name)),
    }
}

fn no_host(text: &str) -> String {
    format!("{text:?} is neither a host's name nor an IP address")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(grant: &str, host: &str, port: u16, usual: u16) -> bool {
        let grant = HttpGrant::parse(grant).expect(grant);
        grant.allows(&host_of(host).expect(host), port, usual)
    }

    #[test]
    fn spellings_of_one_host_are_one_grant() {
        for (written, kept) in [
            ("API.Example.COM", "api.example.com"),
            ("api.example.com.", "api.example.com"),
            ("api.example.com:8443", "api.example.com:8443"),
            ("*.Example.com", "*.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("0x7f.1", "127.0.0.1"),
            ("[::1]:9000", "[::1]:9000"),
            ("[0:0::1]", "[::1]"),
            ("localhost", "localhost"),
        ] {
            let grant = HttpGrant::parse(written).expect(written);
            assert_eq!(grant.to_string(), kept);
            assert_eq!(HttpGrant::parse(kept), Ok(grant), "{kept} is read again");
        }
    }

    #[test]
    fn what_is_no_host_says_what_to_write() {
        for (written, says) in [
            ("", "names no host"),
            ("https://example.com", "leave scheme"),
            ("example.com/path", "leave scheme"),
            ("user@example.com", "leave scheme"),
            ("::1", "brackets"),
            ("example.com:0", "no port"),
            ("example.com:http", "no port"),
            ("example.com:65536", "no port"),
            ("example.com:", "no port"),
            ("*", "beginning"),
            ("api.*.com", "beginning"),
            ("*.com", "too much"),
            ("*.*.com", "too much"),
            ("*.127.0.0.1", "neither"),
            ("[::1", "brackets"),
            ("[::g]", "neither"),
            ("exa mple.com", "neither"),
            (".", "neither"),
        ] {
            let error = HttpGrant::parse(written).expect_err(written);
            assert!(error.contains(says), "{written}: {error}");
        }
    }

    #[test]
    fn a_grant_allows_its_host_and_port_only() {
        assert!(allows("api.example.com", "api.example.com", 443, 443));
        assert!(allows("api.example.com", "API.example.com.", 80, 80));
        assert!(!allows("api.example.com", "api.example.com", 8443, 443));
        assert!(!allows("api.example.com", "api.example.com", 80, 443));
        assert!(!allows("api.example.com", "www.example.com", 443, 443));
        assert!(!allows("api.example.com", "x.api.example.com", 443, 443));
        assert!(allows("api.example.com:8443", "api.example.com", 8443, 443));
        assert!(!allows("api.example.com:8443", "api.example.com", 443, 443));

        assert!(allows("*.example.com", "api.example.com", 443, 443));
        assert!(allows("*.example.com", "a.b.example.com", 443, 443));
        assert!(!allows("*.example.com", "example.com", 443, 443));
        assert!(!allows("*.example.com", "badexample.com", 443, 443));

        assert!(allows("127.0.0.1:9000", "127.1", 9000, 80));
        assert!(allows("[::1]:9000", "[0:0:0::1]", 9000, 80));
        assert!(!allows("localhost:9000", "127.0.0.1", 9000, 80));
        assert!(!allows("127.0.0.1:9000", "localhost", 9000, 80));
    }
}
