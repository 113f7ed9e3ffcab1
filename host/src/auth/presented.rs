//! Where a request carries its token: the `Authorization` header, a query key, a cookie;
//! whichever comes first in this order.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::cookie;
use crate::config::JwtConfig;
use crate::filter::Args;

/// A token, unchecked.
#[derive(Debug, PartialEq)]
pub struct Presented {
    pub token: String,
    /// The client has put it there for this request. A cookie comes along with every
    /// request, whether the page means it or not: one that has expired makes its bearer
    /// anonymous, not unwelcome.
    pub is_deliberate: bool,
}

/// Finds the token, and takes the query key out of `args`: it is no filter, and none of
/// the plugins' business.
pub fn take(config: &JwtConfig, headers: &HeaderMap, args: &mut Args) -> Option<Presented> {
    let in_query = config.query.as_ref().and_then(|key| {
        let at = args.iter().position(|(known, _)| known == key)?;
        args.remove(at).1.into_iter().next()
    });
    let deliberate = |token: String| Presented {
        token,
        is_deliberate: true,
    };
    let from_cookie = || {
        let name = config.cookie.as_ref()?;
        let token = cookie::values(headers, name).find(|value| !value.is_empty())?;
        Some(Presented {
            token,
            is_deliberate: false,
        })
    };
    bearer(headers)
        .or(in_query)
        .map(deliberate)
        .or_else(from_cookie)
}

/// `Authorization: Bearer TOKEN`; other schemes are somebody else's.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::COOKIE;

    use super::*;
    use crate::filter::parse_query;

    fn taken(authorization: &str, query: &str, cookie: &str) -> (Option<String>, Args) {
        let config = JwtConfig {
            cookie: Some("jwt".into()),
            query: Some("token".into()),
            ..JwtConfig::default()
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [(AUTHORIZATION, authorization), (COOKIE, cookie)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).expect("a value"));
            }
        }
        let mut args = parse_query(query);
        let presented = take(&config, &headers, &mut args);
        (presented.map(|presented| presented.token), args)
    }

    #[test]
    fn the_header_comes_before_the_query_and_that_before_the_cookie() {
        let token = |a, q, c| taken(a, q, c).0;
        assert_eq!(token("Bearer h", "token=q", "jwt=c").as_deref(), Some("h"));
        assert_eq!(token("bearer h", "", "").as_deref(), Some("h"));
        assert_eq!(token("Basic h", "token=q", "jwt=c").as_deref(), Some("q"));
        assert_eq!(token("", "", "jwt=c").as_deref(), Some("c"));
        assert_eq!(token("", "", "jwt=").as_deref(), None);
        assert_eq!(token("", "", ""), None);
    }

    #[test]
    fn the_query_key_is_no_filter_even_where_it_is_not_used() {
        let rest = parse_query("topic=a");
        assert_eq!(taken("Bearer h", "topic=a&token=q&token=r", "").1, rest);
        assert_eq!(taken("", "token=&topic=a", "").1, rest);
    }
}
