//! What a proxy in front of the server says of its clients: believed from the networks
//! that the config names, ignored from everywhere else.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use serde_json::Value;

use super::user::{User, is_user_id};
use crate::config::ProxyConfig;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, and whether to believe who it is said to be.
pub struct Seen<'a> {
    config: &'a ProxyConfig,
    trusted: bool,
    peer: SocketAddr,
}

/// Looks at the other end of a socket.
pub fn look(config: &ProxyConfig, peer: SocketAddr) -> Seen<'_> {
    Seen {
        config,
        trusted: within(&config.networks, peer.ip()),
        peer,
    }
}

impl Seen<'_> {
    /// Where the client is: the peer itself, or what trusted proxies say. Each proxy adds
    /// the address that it was called from at the end, so the last one that is no proxy of
    /// ours is the client; what stands before it, anyone can have written.
    pub fn address(&self, headers: &HeaderMap) -> SocketAddr {
        let mut client = self.peer;
        if !self.trusted || !self.config.forwarded_for {
            return client;
        }
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let hops = lines
            .into_iter()
            .rev()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.rsplit(','));
        for hop in hops {
            let Some(address) = address_of(hop.trim()) else {
                // Behind what can't be read, nothing can be believed.
                break;
            };
            client = SocketAddr::new(address, 0);
            if !within(&self.config.networks, address) {
                break;
            }
        }
        client
    }

    /// The user that the proxy has authenticated.
    ///
    /// # Errors
    /// What a trusted proxy says makes no sense; to be told to whoever runs it.
    pub fn user(&self, headers: &HeaderMap) -> Result<Option<User>, String> {
        let Some(name) = self.config.user_header.as_ref().filter(|_| self.trusted) else {
            return Ok(None);
        };
        let Some(id) = only(headers, name)? else {
            return Ok(None);
        };
        if id.is_empty() {
            return Ok(None);
        }
        if !is_user_id(id) {
            return Err(format!("the proxy's header `{name}` is no user id"));
        }
        let Some(name) = &self.config.claims_header else {
            return Ok(Some(User::named(id, None)));
        };
        let claims = match only(headers, name)?.map(serde_json::from_str) {
            None => serde_json::Map::new(),
            Some(Ok(Value::Object(claims))) => claims,
            Some(_) => return Err(format!("the proxy's header `{name}` is no JSON object")),
        };
        Ok(Some(User::new(id, claims)))
    }
}

/// A header's value. Two of them mean that the proxy has let the client's own pass.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(format!(
            "the request has the header `{name}` twice; have the proxy replace the client's"
        ));
    }
    let text = value.map(|value| std::str::from_utf8(value.as_bytes()));
    let text = text.transpose();
    text.map_err(|_| format!("the proxy's header `{name}` is not UTF-8"))
}

fn within(networks: &[IpNet], address: IpAddr) -> bool {
    // A socket for both protocols shows IPv4 clients as `::ffff:192.0.2.1`.
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let whole = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = whole.or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn config() -> ProxyConfig {
        ProxyConfig {
            networks: ["10.0.0.0/8", "fd00::/8"]
                .map(|network| network.parse().expect("a network"))
                .to_vec(),
            forwarded_for: true,
            user_header: Some(HeaderName::from_static("x-user")),
            claims_header: Some(HeaderName::from_static("x-claims")),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn address(peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| ("x-forwarded-for", *line))
            .collect();
        let peer = peer.parse().expect("an address");
        look(&config(), peer).address(&headers(&lines)).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let proxy = "10.0.0.1:5";
        for (lines, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7:0"),
            (&["198.51.100.1, 203.0.113.7"], "203.0.113.7:0"),
            (&["203.0.113.7, 10.1.1.1"], "203.0.113.7:0"),
            (&["198.51.100.1", "203.0.113.7, 10.1.1.1"], "203.0.113.7:0"),
            (&["10.2.2.2, 10.1.1.1"], "10.2.2.2:0"),
            (&["203.0.113.7:4711"], "203.0.113.7:0"),
            (&["[2001:db8::1]:80"], "[2001:db8::1]:0"),
            (&["::ffff:203.0.113.7"], "203.0.113.7:0"),
            // Nonsense hides what is before it.
            (&["203.0.113.7, unknown"], proxy),
            (&["203.0.113.7, unknown, 10.1.1.1"], "10.1.1.1:0"),
            (&[""], proxy),
            (&[], proxy),
        ] {
            assert_eq!(address(proxy, lines), expected, "{lines:?}");
        }
        let mapped = "[::ffff:10.0.0.1]:5";
        assert_eq!(address(mapped, &["203.0.113.7"]), "203.0.113.7:0");
    }

    #[test]
    fn from_elsewhere_nothing_is_believed() {
        let client = "203.0.113.9:5";
        assert_eq!(address(client, &["198.51.100.1"]), client);
        let config = config();
        let seen = look(&config, client.parse().expect("an address"));
        assert_eq!(seen.user(&headers(&[("x-user", "ann")])), Ok(None));
    }

    #[test]
    fn a_trusted_proxy_names_the_user() {
        let config = config();
        let seen = look(&config, "10.0.0.1:5".parse().expect("an address"));
        let user = |pairs: &[(&'static str, &str)]| seen.user(&headers(pairs));
        assert_eq!(user(&[]), Ok(None));
        assert_eq!(user(&[("x-user", "")]), Ok(None), "nobody is logged in");
        assert_eq!(
            user(&[("x-user", "Änne")]),
            Ok(Some(User::named("Änne", None)))
        );
        let claims = ("x-claims", r#"{"id": "bob", "role": "admin"}"#);
        let ann = User::named("ann", Some(r#"{"role": "admin"}"#));
        let named = user(&[("x-user", "ann"), claims])
            .expect("sense")
            .expect("a user");
        assert_eq!(
            (named.id.clone(), named.to_value()),
            (ann.id.clone(), ann.to_value())
        );
        for nonsense in [
            &[("x-user", "ann"), ("x-user", "bob")][..],
            &[("x-user", "ann"), ("x-claims", "[]")],
            &[("x-user", "ann"), ("x-claims", "{")],
            &[("x-user", "a\tb")],
        ] {
            assert!(user(nonsense).is_err(), "{nonsense:?}");
        }
    }
}
