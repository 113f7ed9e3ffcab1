//! `[auth.jwt]`: JSON Web Tokens, and the keys that they are checked with.

use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::{cookie_name, optional_text};
use crate::config::reader::{Section, Wrong};
use crate::config::secret::{Secret, signing_key};
use crate::config::value::Value;

/// Which tokens count, and where they stand in a request.
#[derive(Debug, Clone, PartialEq)]
pub struct JwtConfig {
    /// The key of HS256 tokens.
    pub secret: Option<Secret>,
    /// PEM files with public keys: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    pub key_files: Vec<PathBuf>,
    /// A JSON Web Key Set, read at start.
    pub jwks_file: Option<PathBuf>,
    /// A JSON Web Key Set, read at start and again and again.
    pub jwks_url: Option<Url>,
    /// How often.
    pub jwks_refresh: Duration,
    /// How long after one reading an unknown key may cause another.
    pub jwks_pause: Duration,
    /// One of these must be the token's `iss`. Empty: it is not looked at.
    pub issuers: Vec<String>,
    /// One of these must be among the token's `aud`. Empty: it is not looked at.
    pub audiences: Vec<String>,
    /// How far the clocks may be apart.
    pub leeway: Duration,
    /// Whether a connection ends with the token that it was made with.
    pub close_expired: bool,
    /// The claim that is the user's id.
    pub user_claim: String,
    /// The cookie that may hold a token.
    pub cookie: Option<String>,
    /// The query key that may hold a token.
    pub query: Option<String>,
}

impl Default for JwtConfig {
    fn default() -> Self {
        Self {
            secret: None,
            key_files: Vec::new(),
            jwks_file: None,
            jwks_url: None,
            jwks_refresh: Duration::from_secs(600),
            jwks_pause: Duration::from_secs(10),
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(30),
            close_expired: true,
            user_claim: "sub".into(),
            cookie: None,
            query: None,
        }
    }
}

impl JwtConfig {
    /// Whether any token could be accepted.
    pub fn is_on(&self) -> bool {
        self.secret.is_some()
            || !self.key_files.is_empty()
            || self.jwks_file.is_some()
            || self.jwks_url.is_some()
    }

    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let seconds = Duration::from_secs;
        let config = Self {
            secret: section.read("secret", None, signing_key),
            key_files: section.list("key_files", path).unwrap_or_default(),
            jwks_file: section.read("jwks_file", None, |value| {
                Ok(optional_text(value)?.map(PathBuf::from))
            }),
            jwks_url: section.read("jwks_url", None, url),
            jwks_refresh: section.read("jwks_refresh", default.jwks_refresh, |value| {
                value.duration(seconds(1)..=seconds(24 * 3600))
            }),
            jwks_pause: section.read("jwks_pause", default.jwks_pause, |value| {
                value.duration(seconds(1)..=seconds(3600))
            }),
            issuers: section.list("issuers", filled).unwrap_or_default(),
            audiences: section.list("audiences", filled).unwrap_or_default(),
            leeway: section.read("leeway", default.leeway, |value| {
                value.duration(Duration::ZERO..=seconds(600))
            }),
            close_expired: section.read("close_expired", default.close_expired, Value::flag),
            user_claim: section.read("user_claim", default.user_claim, filled),
            cookie: section.read("cookie", None, cookie_name),
            query: section.read("query", None, query_key),
        };
        section.finish();
        config
    }
}

fn filled(value: &Value<'_>) -> Result<String, Wrong> {
    optional_text(value)?.ok_or_else(|| Wrong::new("is empty", "write a text, or remove it"))
}

fn path(value: &Value<'_>) -> Result<PathBuf, Wrong> {
    let text = filled(value)?;
    if text.contains('\0') {
        return Err(Wrong::new("is not a path", "name a file"));
    }
    Ok(text.into())
}

fn query_key(value: &Value<'_>) -> Result<Option<String>, Wrong> {
    match optional_text(value)? {
        // Those are the dialects' own.
        Some(key) if key.starts_with('_') => Err(Wrong::new(
            format!("is {key:?}, and keys that begin with `_` are reserved"),
            "choose another, as \"token\"",
        )),
        key => Ok(key),
    }
}

/// Where a key set is. Whoever can change it on its way can be anybody, so it must come
/// over TLS, or from this machine.
fn url(value: &Value<'_>) -> Result<Option<Url>, Wrong> {
    let Some(text) = optional_text(value)? else {
        return Ok(None);
    };
    // The text is not shown: it may have a password in it.
    let remedy = "write it as \"https://login.example.org/.well-known/jwks.json\"";
    let url =
        Url::parse(&text).map_err(|error| Wrong::new(format!("is no URL: {error}"), remedy))?;
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(Wrong::new("has no host", remedy)),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new("has a user name or password in it", remedy));
    }
    match url.scheme() {
        "https" => Ok(Some(url)),
        "http" if local => Ok(Some(url)),
        "http" => Err(Wrong::new(
            "is not encrypted, and whoever changes the keys on their way can be anybody",
            "use https; http is for this machine only",
        )),
        scheme => Err(Wrong::new(format!("has the scheme {scheme:?}"), remedy)),
    }
}
