//! Which pages may talk to the server, and under which names.
//!
//! A browser says which page sends a request (`Origin`) and which server the page means
//! (`Host`). A page of another origin is refused: it would act with the cookies of whoever
//! looks at it. A foreign `Host` is refused because its owner can have that name point to
//! this machine (DNS rebinding), and then the page's origin is the server's own.

use std::net::IpAddr;

use axum::body::Body;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Response, StatusCode, Uri};

use crate::config::ServerConfig;
use crate::problem::problem;

/// Checks where a request comes from and whom it means; the answer where it is refused.
pub fn check(
    config: &ServerConfig,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Box<Response<Body>>> {
    let host = host_of(uri, headers);
    if !host.is_some_and(|host| host_allowed(config, host)) {
        let text = "the server is not known under this `Host`; its names are `hosts` under \
                    `[server]`";
        return Err(problem(StatusCode::FORBIDDEN, "host_refused", text).into());
    }
    if !origin_allowed(config, host, headers) {
        let text = "pages of another origin may not connect; add it to `origins` under `[server]`";
        return Err(problem(StatusCode::FORBIDDEN, "origin_refused", text).into());
    }
    Ok(())
}

/// The host that a request names; none if it names none or several.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut named = headers.get_all(HOST).iter();
    let host = named.next();
    if named.next().is_some() {
        return None;
    }
    // RFC 9112: a target with a host in it counts more than the header.
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => host?.to_str().ok(),
    }
}

/// A listed name. Where none is listed: any, unless the server is for this machine only;
/// then addresses and `localhost`, which nobody else can have point here.
fn host_allowed(config: &ServerConfig, host: &str) -> bool {
    let (name, port) = split(host);
    let literal = name.trim_matches(['[', ']']);
    let is_address = literal.parse::<IpAddr>().is_ok();
    if config.hosts.is_empty() {
        let is_local = name.eq_ignore_ascii_case("localhost");
        return is_address || is_local || !config.listen.ip().is_loopback();
    }
    config.hosts.iter().any(|known| {
        let (known_name, known_port) = split(known);
        known == "*"
            || (known_name.eq_ignore_ascii_case(name)
                && (known_port.is_none() || known_port == port))
    })
}

/// Name and port of `example.org:8080`, `[::1]:8080`, `[::1]`, `example.org`.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Same-origin, or on the list. Clients that are no browsers send no `Origin`.
fn origin_allowed(config: &ServerConfig, host: Option<&str>, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let same = origin
        .split_once("://")
        .is_some_and(|(_, authority)| Some(authority) == host);
    let listed = &config.origins;
    same || listed.iter().any(|one| one.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn config(listen: &str, hosts: &[&str]) -> ServerConfig {
        ServerConfig {
            listen: listen.parse().expect("an address"),
            origins: vec!["https://app.example".into()],
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..ServerConfig::default()
        }
    }

    /// The code of the refusal, or nothing.
    fn refused(config: &ServerConfig, pairs: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let result = check(config, &Uri::from_static("/chat"), &headers);
        result.err().map(|response| response.status().as_u16())
    }

    #[test]
    fn pages_of_another_origin_are_refused_unless_listed() {
        let config = config("0.0.0.0:8080", &[]);
        let from = |origin| {
            let host = ("host", "chat.example:8080");
            refused(&config, &[host, ("origin", origin)]).is_none()
        };
        assert!(from("http://chat.example:8080"));
        assert!(from("https://app.example"));
        assert!(!from("http://evil.example"));
        assert!(
            !from("http://chat.example"),
            "another port is another origin"
        );
        assert!(!from("null"));
        assert_eq!(
            refused(&config, &[("host", "chat.example")]),
            None,
            "no browser"
        );
    }

    #[test]
    fn a_server_for_this_machine_is_not_known_by_foreign_names() {
        let config = config("127.0.0.1:8080", &[]);
        let host = |host| refused(&config, &[("host", host)]);
        for local in [
            "127.0.0.1:8080",
            "localhost:8080",
            "LOCALHOST",
            "[::1]:8080",
            "[::1]",
        ] {
            assert_eq!(host(local), None, "{local}");
        }
        for foreign in [
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(host(foreign), Some(403), "{foreign}");
        }
        // Rebound, the page's origin is the server's own name.
        let rebound = [
            ("host", "evil.example:8080"),
            ("origin", "http://evil.example:8080"),
        ];
        assert_eq!(refused(&config, &rebound), Some(403));
    }

    #[test]
    fn listed_names_are_the_only_ones() {
        let config = config("0.0.0.0:8080", &["chat.example", "admin.example:8443"]);
        let host = |host| refused(&config, &[("host", host)]);
        for known in ["chat.example", "Chat.Example:8080", "admin.example:8443"] {
            assert_eq!(host(known), None, "{known}");
        }
        for unknown in ["admin.example", "other.example", "127.0.0.1:8080", ""] {
            assert_eq!(host(unknown), Some(403), "{unknown}");
        }
        assert_eq!(refused(&config, &[]), Some(403), "no name at all");
        let two = [("host", "chat.example"), ("host", "evil.example")];
        assert_eq!(refused(&config, &two), Some(403));
        let any = super::tests::config("127.0.0.1:8080", &["*"]);
        assert_eq!(refused(&any, &[("host", "whatever.example")]), None);
    }

    #[test]
    fn the_target_counts_more_than_the_header() {
        let config = config("0.0.0.0:8080", &["chat.example"]);
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("chat.example"))]);
        let target = Uri::from_static("http://evil.example/chat");
        assert!(check(&config, &target, &headers).is_err());
    }
}
