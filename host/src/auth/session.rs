//! The session cookie: which browser this is, whoever uses it.
//!
//! `ID.ISSUED.MAC`: a random id, the second it was issued, and an HMAC-SHA256 of both.
//! Nothing is stored: what the server has signed and is not too old is a session.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

use super::cookie as cookies;
use crate::config::{SameSitePolicy, SessionConfig};

/// Signed along, so that a signature is good for nothing else.
const PURPOSE: &str = "hookcast session 1:";

/// Random bytes of an id.
const ID_BYTES: usize = 16;

/// A client's session.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: Arc<str>,
    /// The `Set-Cookie` header of the response, where the session is new.
    pub set_cookie: Option<HeaderValue>,
}

/// The session as hooks and expressions see it.
pub fn to_value(id: &str) -> Value {
    json!({ "id": id })
}

/// Makes sessions and knows its own.
pub struct Sessions {
    key: hmac::Key,
    config: SessionConfig,
}

impl Sessions {
    /// None without a secret.
    pub fn new(config: &SessionConfig) -> Option<Self> {
        let secret = config.secret.as_ref()?;
        Some(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()),
            config: config.clone(),
        })
    }

    /// The request's session, or a new one. `now` in seconds since 1970-01-01 UTC.
    pub fn of(&self, headers: &HeaderMap, now: u64) -> Session {
        let mut shown = cookies::values(headers, &self.config.cookie);
        match shown.find_map(|value| self.verified(&value, now)) {
            Some(id) => Session {
                id,
                set_cookie: None,
            },
            None => self.begin(now),
        }
    }

    fn begin(&self, now: u64) -> Session {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; ID_BYTES]>());
        let signed = format!("{id}.{now}");
        let mac = URL_SAFE_NO_PAD.encode(self.sign(&signed));
        let age = i64::try_from(self.config.max_age.as_secs()).unwrap_or(i64::MAX);
        let cookie = Cookie::build((self.config.cookie.as_str(), format!("{signed}.{mac}")))
            .path("/")
            .http_only(true)
            .secure(self.config.secure)
            .same_site(match self.config.same_site {
                SameSitePolicy::Strict => SameSite::Strict,
                SameSitePolicy::Lax => SameSite::Lax,
                SameSitePolicy::None => SameSite::None,
            })
            .max_age(time::Duration::seconds(age))
            .build();
        Session {
            id: id.into(),
            // The name was checked with the config, and the value is base64.
            set_cookie: HeaderValue::try_from(cookie.to_string()).ok(),
        }
    }

    /// The id in a cookie that this server has signed and that is not too old.
    fn verified(&self, value: &str, now: u64) -> Option<Arc<str>> {
        let (signed, mac) = value.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let message = format!("{PURPOSE}{signed}");
        // Takes the same time for every wrong signature.
        hmac::verify(&self.key, message.as_bytes(), &mac).ok()?;
        let (id, issued) = signed.split_once('.')?;
        let age = Duration::from_secs(now.saturating_sub(issued.parse().ok()?));
        (age <= self.config.max_age).then(|| id.into())
    }

    fn sign(&self, signed: &str) -> hmac::Tag {
        hmac::sign(&self.key, format!("{PURPOSE}{signed}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Secret;

    const NOW: u64 = 1_800_000_000;

    fn config(secret: &str) -> SessionConfig {
        SessionConfig {
            secret: Some(Secret::new(secret)),
            cookie: "sid".into(),
            max_age: Duration::from_secs(100),
            secure: true,
            same_site: SameSitePolicy::Strict,
        }
    }

    fn sessions() -> Sessions {
        Sessions::new(&config("0123456789abcdef0123456789abcdef")).expect("a secret")
    }

    fn with(cookie: &str) -> HeaderMap {
        let value = HeaderValue::from_str(cookie).expect("a header's value");
        HeaderMap::from_iter([(COOKIE, value)])
    }

    /// `sid=…`, as the browser sends it back.
    fn cookie_of(session: &Session) -> String {
        let header = session.set_cookie.as_ref().expect("a new session");
        let text = header.to_str().expect("text");
        text.split(';').next().expect("a pair").to_owned()
    }

    #[test]
    fn a_session_is_made_once_and_then_known() {
        let sessions = sessions();
        let new = sessions.of(&HeaderMap::new(), NOW);
        let header = new.set_cookie.as_ref().expect("a cookie").to_str();
        let header = header.expect("text");
        for word in [
            "HttpOnly",
            "Secure",
            "SameSite=Strict",
            "Path=/",
            "Max-Age=100",
        ] {
            assert!(header.contains(word), "{header}");
        }
        let again = sessions.of(&with(&cookie_of(&new)), NOW + 100);
        assert_eq!((again.id, again.set_cookie), (new.id.clone(), None));
        let old = sessions.of(&with(&cookie_of(&new)), NOW + 101);
        assert_ne!(old.id, new.id, "too old");
        let other = sessions.of(&HeaderMap::new(), NOW);
        assert_ne!(other.id, new.id, "nobody shares a session");
    }

    #[test]
    fn a_cookie_of_another_secret_is_no_session() {
        let other = Sessions::new(&config("another secret of thirty-two bytes")).expect("a secret");
        let foreign = other.of(&HeaderMap::new(), NOW);
        let found = sessions().of(&with(&cookie_of(&foreign)), NOW);
        assert_ne!(found.id, foreign.id);
        assert!(found.set_cookie.is_some(), "a new one replaces it");
    }

    #[test]
    fn a_planted_cookie_does_not_hide_the_real_one() {
        let sessions = sessions();
        let real = sessions.of(&HeaderMap::new(), NOW);
        let both = format!("sid=planted.1.AAAA; {}", cookie_of(&real));
        assert_eq!(sessions.of(&with(&both), NOW).id, real.id);
    }

    proptest! {
        /// No change of a cookie is accepted, whichever character it hits.
        #[test]
        fn a_cookie_that_was_changed_is_no_session(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9._-]") {
            let sessions = sessions();
            let real = sessions.of(&HeaderMap::new(), NOW);
            let cookie = cookie_of(&real);
            let value = cookie.strip_prefix("sid=").expect("the name");
            let at = at.index(value.len());
            let changed = format!("{}{to}{}", &value[..at], &value[at + 1..]);
            prop_assume!(changed != value);
            prop_assert_eq!(sessions.verified(&changed, NOW), None);
        }

        #[test]
        fn anything_may_stand_in_a_cookie(value in ".{0,200}") {
            prop_assert_eq!(sessions().verified(&value, NOW), None);
        }
    }
}
