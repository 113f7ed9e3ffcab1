//! Cookies of a request.

use cookie::Cookie;
use http::HeaderMap;
use http::header::COOKIE;

/// Bytes of cookies that are looked at; browsers send less.
const LIMIT: usize = 64 << 10;

/// The values of all cookies with this name, in order. A site that shares the domain can
/// set a second one: whoever wants a certain one checks each.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = headers.get_all(COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines
        .filter(|line| line.len() <= LIMIT)
        .flat_map(|line| Cookie::split_parse(line).filter_map(Result::ok))
        .filter(move |cookie| cookie.name() == name)
        .map(|cookie| cookie.value_trimmed().to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                COOKIE,
                HeaderValue::from_str(line).expect("a header's value"),
            );
        }
        headers
    }

    fn found(lines: &[&str], name: &str) -> Vec<String> {
        values(&headers(lines), name).collect()
    }

    #[test]
    fn every_cookie_of_the_name_is_found_and_no_other() {
        let lines = ["a=1; token=x; tokens=y", "Token=z; token=\"w\"; token"];
        assert_eq!(found(&lines, "token"), ["x", "w"]);
        assert_eq!(found(&lines, "missing"), Vec::<String>::new());
        assert_eq!(found(&["token=a=b"], "token"), ["a=b"], "`=` in the value");
        assert_eq!(found(&[";;; =; token=1;"], "token"), ["1"]);
    }

    proptest! {
        /// Whatever a client sends, reading it neither fails nor finds what is not there.
        #[test]
        fn any_header_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.append(COOKIE, value);
            }
            for value in values(&headers, "session") {
                let text = String::from_utf8_lossy(&bytes);
                prop_assert!(text.contains("session") && text.contains(&value));
            }
        }

        /// A cookie is found with its value wherever it stands among others.
        #[test]
        fn a_cookie_is_found_among_others(
            value in "[A-Za-z0-9._~-]{0,40}",
            others in prop::collection::vec("[a-r]{1,8}=[A-Za-z0-9]{0,8}", 0..6),
            at in any::<prop::sample::Index>(),
        ) {
            let mut all = others;
            all.insert(at.index(all.len() + 1), format!("session={value}"));
            let line = all.join("; ");
            prop_assert_eq!(found(&[&line], "session"), [value]);
        }
    }
}
