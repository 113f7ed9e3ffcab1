//! What plugins see of a request's headers: nothing that lets its reader act as somebody
//! else, and nothing that looks like an identity and is none.

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName};

use crate::config::ProxyConfig;

/// Headers by name in lower case, without secrets. A proxy's headers are left out, too,
/// whoever sent them: `context.user` has what is true of them.
pub fn headers(headers: &HeaderMap, proxy: &ProxyConfig) -> Vec<(String, String)> {
    let secret = [COOKIE, AUTHORIZATION, PROXY_AUTHORIZATION];
    let is_proxys = |name: &HeaderName| {
        [&proxy.user_header, &proxy.claims_header]
            .into_iter()
            .any(|known| known.as_ref() == Some(name))
    };
    headers
        .iter()
        .filter(|(name, _)| !secret.contains(name) && !is_proxys(name))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn secrets_stay_with_the_host() {
        let proxy = ProxyConfig {
            user_header: Some(HeaderName::from_static("x-user")),
            ..ProxyConfig::default()
        };
        let sent = [
            "cookie",
            "authorization",
            "proxy-authorization",
            "x-user",
            "accept",
        ];
        let sent = sent.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("y")));
        let shown = super::headers(&HeaderMap::from_iter(sent), &proxy);
        assert_eq!(shown, [("accept".to_owned(), "y".to_owned())]);
    }
}
