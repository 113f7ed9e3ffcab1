//! The bearer token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::ApiError;
use crate::config::AdminConfig;

/// What requests must carry; kept as a digest, so that comparing takes the same time
/// for every guess.
pub struct Token([u8; 32]);

impl Token {
    fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// The configured token, or a new one, which is printed. Without a configured one
    /// the config allows the listener on loopback only.
    pub fn from_config(config: &AdminConfig) -> Self {
        if let Some(secret) = &config.token {
            return Self::new(secret.reveal());
        }
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
        eprintln!(
            "no admin token is configured; for this run it is {secret}\n\
             (set HOOKCAST_ADMIN_TOKEN, or `token` under `[admin]`, to keep one)"
        );
        Self::new(&secret)
    }

    fn is(&self, secret: &str) -> bool {
        let offered: [u8; 32] = Sha256::digest(secret).into();
        offered == self.0
    }
}

/// Lets a request pass that carries the token.
pub async fn check(State(token): State<Arc<Token>>, request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let secret = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if secret.is_some_and(|(_, secret)| token.is(secret.trim())) {
        return next.run(request).await;
    }
    let text =
        "send `Authorization: Bearer TOKEN`; the token is in `[admin]` or was printed at start";
    let mut response =
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text).into_response();
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
