//! Who a client is: found out before anything of it is served, in one step.
//!
//! ```text
//! request ─▶ proxy    the client's address, and a user, from networks that are trusted
//!         ─▶ token    presented in a header, the query or a cookie; checked with a key
//!         ─▶ session  a signed cookie, made where there is none
//!         ─▶ gate     the endpoint's `auth`: 401, 403
//! ```
//!
//! What comes after it, the `connect` hooks among it, sees who the client is and may say
//! otherwise. Nothing here knows connections, endpoints or plugins.

mod cookie;
mod denied;
mod fetch;
mod gate;
mod key;
pub mod origin;
mod presented;
mod proxy;
mod remote;
mod session;
mod signature;
#[cfg(test)]
mod tests;
mod token;
mod user;
mod visible;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, Uri};

use crate::clock::now_micros;
use crate::config::{AuthConfig, Config, EndpointAuth};
use crate::filter::{Args, parse_query};
use crate::tls::Roots;
use remote::RemoteKeys;
use session::Sessions;
use token::Tokens;

pub use denied::Denied;
pub use gate::Visitor;
pub use session::to_value as session_value;
pub use user::User;

/// Where identities come from, as the config in force says.
pub struct Auth(ArcSwap<Sources>);

/// The same for one config.
pub struct Sources {
    config: AuthConfig,
    tokens: Option<Tokens>,
    sessions: Option<Sessions>,
}

/// A request, as far as it says who sends it.
pub struct Request<'a> {
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    /// The other end of the socket.
    pub peer: SocketAddr,
}

/// What a request's sender is, and what of the request is fit to be seen.
#[derive(Debug)]
pub struct Identity {
    /// Where the client is; port 0 where a proxy stands between.
    pub address: SocketAddr,
    pub user: Option<User>,
    /// The session's id.
    pub session: Option<Arc<str>>,
    /// The response's `Set-Cookie`, where the session is new.
    pub set_cookie: Option<HeaderValue>,
    /// Query keys, without the one that holds a token.
    pub args: Args,
    /// Headers that plugins may see.
    pub headers: Vec<(String, String)>,
}

impl Sources {
    /// Reads keys and certificates. Must be called before anything of a new config is
    /// applied, because it can fail.
    ///
    /// # Errors
    /// A file that can't be used.
    pub fn read(config: &Config) -> Result<Self> {
        let tokens = Tokens::read(&config.auth.jwt).map_err(|(key, what)| {
            let key = format!("auth.jwt.{key}");
            anyhow!("{}: `{key}`: {what}", config.place(&key))
        })?;
        Ok(Self {
            config: config.auth.clone(),
            tokens,
            sessions: Sessions::new(&config.auth.session),
        })
    }

    /// Begins to read the key set behind a URL, or goes on with the one that is known.
    ///
    /// # Errors
    /// `engine.http_roots` can't be read.
    pub fn connect(&mut self, config: &Config, before: Option<&Auth>) -> Result<()> {
        let (Some(tokens), Some(url)) = (&mut self.tokens, &config.auth.jwt.jwks_url) else {
            return Ok(());
        };
        let before = before.map(|auth| auth.0.load_full());
        let known = before.and_then(|sources| sources.tokens.as_ref()?.remote.clone());
        let same = known.filter(|remote| remote.is_for(&config.auth.jwt));
        tokens.remote = Some(match same {
            Some(remote) => remote,
            None => RemoteKeys::start(url.clone(), &config.auth.jwt, roots(config)?),
        });
        Ok(())
    }
}

/// Certificates that are trusted besides the system's, as for plugins.
fn roots(config: &Config) -> Result<Roots> {
    let Some(file) = &config.engine.http_roots else {
        return Ok(Roots::default());
    };
    Roots::read(file).map_err(|what| anyhow!("`engine.http_roots`: {} {what}", file.display()))
}

impl Auth {
    /// # Errors
    /// A file of the config that can't be used.
    pub fn open(config: &Config) -> Result<Self> {
        let mut sources = Sources::read(config)?;
        sources.connect(config, None)?;
        Ok(Self(ArcSwap::from_pointee(sources)))
    }

    /// Goes by another config from now on. Who is connected stays who they are.
    pub fn replace(&self, sources: Sources) {
        self.0.store(Arc::new(sources));
    }

    /// Finds out who sends a request, and whether they may.
    ///
    /// # Errors
    /// They may not; the answer for them is in it.
    pub async fn identify(
        &self,
        endpoint: &str,
        gate: &EndpointAuth,
        request: &Request<'_>,
    ) -> Result<Identity, Denied> {
        let sources = self.0.load_full();
        let seen = proxy::look(&sources.config.proxy, request.peer);
        let mut args = parse_query(request.uri.query().unwrap_or(""));
        let jwt = &sources.config.jwt;
        let presented = presented::take(jwt, request.headers, &mut args);
        let user = match (seen.user(request.headers), &sources.tokens, presented) {
            (Err(what), _, _) => {
                tracing::warn!(endpoint, peer = %request.peer, "a request is refused: {what}");
                return Err(Denied::BadProxy(what));
            }
            (Ok(Some(user)), _, _) => Some(user),
            (Ok(None), Some(tokens), Some(presented)) => {
                match tokens.user(&presented.token).await {
                    Ok(user) => Some(user),
                    // It came along by itself, and anybody may come in.
                    Err(Denied::BadToken(_)) if !presented.is_deliberate && !gate.required => None,
                    Err(denied) => return Err(denied),
                }
            }
            (Ok(None), _, _) => None,
        };
        let now = u64::try_from(now_micros() / 1_000_000).unwrap_or_default();
        let session = sources
            .sessions
            .as_ref()
            .map(|sessions| sessions.of(request.headers, now));
        let (session, set_cookie) = session
            .map(|session| (session.id, session.set_cookie))
            .unzip();
        gate::check(
            gate,
            &Visitor {
                endpoint,
                user: user.as_ref(),
                session: session.as_deref(),
                args: &args,
            },
        )?;
        Ok(Identity {
            address: seen.address(request.headers),
            user,
            session,
            set_cookie: set_cookie.flatten(),
            args,
            headers: visible::headers(request.headers, &sources.config.proxy),
        })
    }

    /// Where a client is, which trusted proxies may say.
    pub fn address(&self, request: &Request<'_>) -> SocketAddr {
        let sources = self.0.load();
        proxy::look(&sources.config.proxy, request.peer).address(request.headers)
    }

    /// The user of a token that an anonymous client presents after the handshake, and
    /// whether they may be here.
    ///
    /// # Errors
    /// The token is not accepted, or the user may not.
    pub async fn user(
        &self,
        token: &str,
        gate: &EndpointAuth,
        visitor: &Visitor<'_>,
    ) -> Result<User, Denied> {
        let sources = self.0.load_full();
        let Some(tokens) = &sources.tokens else {
            return Err(Denied::BadToken("this server takes no tokens".into()));
        };
        let user = tokens.user(token).await?;
        gate::check(
            gate,
            &Visitor {
                user: Some(&user),
                ..*visitor
            },
        )?;
        Ok(user)
    }
}
