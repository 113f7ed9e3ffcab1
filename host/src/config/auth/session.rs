//! `[auth.session]`: the session cookie.

use std::time::Duration;

use super::cookie_name;
use crate::config::reader::Section;
use crate::config::secret::{Secret, signing_key};
use crate::config::value::Value;

/// How the session cookie is made.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionConfig {
    /// What it is signed with. None: there are no sessions.
    pub secret: Option<Secret>,
    /// Its name.
    pub cookie: String,
    /// How long it counts.
    pub max_age: Duration,
    /// Whether browsers send it over TLS only.
    pub secure: bool,
    pub same_site: SameSitePolicy,
}

/// On which requests of other sites' pages browsers send the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSitePolicy {
    Strict,
    Lax,
    /// On all; browsers demand `secure` then.
    None,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            secret: None,
            cookie: "hookcast_session".into(),
            max_age: Duration::from_secs(30 * 24 * 3600),
            secure: false,
            same_site: SameSitePolicy::Lax,
        }
    }
}

impl SessionConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let day = Duration::from_secs(24 * 3600);
        let config = Self {
            secret: section.read("secret", None, signing_key),
            cookie: section
                .optional("cookie", cookie_name)
                .flatten()
                .unwrap_or(default.cookie),
            max_age: section.read("max_age", default.max_age, |value| {
                value.duration(Duration::from_secs(1)..=400 * day)
            }),
            secure: section.read("secure", default.secure, Value::flag),
            same_site: section.read("same_site", default.same_site, |value| {
                value.choice(&[
                    ("strict", SameSitePolicy::Strict),
                    ("lax", SameSitePolicy::Lax),
                    ("none", SameSitePolicy::None),
                ])
            }),
        };
        if !config.secure {
            config.check_insecure(&section);
        }
        section.finish();
        config
    }

    /// Browsers drop these cookies if they are not `Secure`.
    fn check_insecure(&self, section: &Section<'_>) {
        let prefixed = ["__Host-", "__Secure-"];
        let prefix = prefixed
            .iter()
            .find(|prefix| self.cookie.starts_with(*prefix));
        let (key, what) = match prefix {
            Some(prefix) => ("cookie", format!("begins with `{prefix}`")),
            None if self.same_site == SameSitePolicy::None => ("same_site", "is \"none\"".into()),
            None => return,
        };
        let what = format!(
            "`{}.{key}` {what}, and browsers drop such cookies",
            section.key
        );
        let remedy = "set secure = true; clients must connect with TLS then";
        section.reading.report(section.place_of(key), what, remedy);
    }
}
