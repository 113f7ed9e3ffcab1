//! `[auth]`: how the server knows who a client is.

mod endpoint;
mod jwt;
mod proxy;
mod session;

use super::reader::{Reading, Section, Wrong};
use super::value::Value;

pub use endpoint::EndpointAuth;
pub use jwt::JwtConfig;
pub use proxy::ProxyConfig;
pub use session::{SameSitePolicy, SessionConfig};

/// Where identities come from. By default there are none: every client is anonymous, unless
/// a `connect` hook says otherwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AuthConfig {
    pub jwt: JwtConfig,
    pub proxy: ProxyConfig,
    pub session: SessionConfig,
}

impl AuthConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            jwt: JwtConfig::read(section.section("jwt")),
            proxy: ProxyConfig::read(section.section("proxy")),
            session: SessionConfig::read(section.section("session")),
        };
        section.finish();
        config
    }

    /// Checks an endpoint that lets known users in only: somebody must say who they are.
    pub(super) fn check(
        &self,
        endpoint: &EndpointAuth,
        name: &str,
        reading: &Reading<'_>,
        at: usize,
    ) {
        if endpoint.required && !self.jwt.is_on() && self.proxy.user_header.is_none() {
            let what = format!(
                "`endpoints.{name}.auth.required` is true, and nothing says who a user is: nobody \
                 could connect"
            );
            let remedy = "set up [auth.jwt] or [auth.proxy]; a plugin's `connect` hook, which runs \
                          later, can refuse by itself";
            reading.report(at, what, remedy);
        }
    }
}

/// A text; empty is none.
fn optional_text(value: &Value<'_>) -> Result<Option<String>, Wrong> {
    Ok(Some(value.text()?).filter(|text| !text.is_empty()))
}

/// The name of a cookie (RFC 6265); empty is none.
fn cookie_name(value: &Value<'_>) -> Result<Option<String>, Wrong> {
    let name = optional_text(value)?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match name {
        Some(name) if !name.chars().all(is_token) => Err(Wrong::new(
            format!("is {name:?}, which is no cookie's name"),
            "use letters, digits, `-` and `_`",
        )),
        name => Ok(name),
    }
}
