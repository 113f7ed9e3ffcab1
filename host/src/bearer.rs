//! The admin API's bearer token.

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::config::AdminConfig;

/// What requests must carry; kept as a digest, so that comparing takes the same time
/// for every guess.
pub struct Bearer(ArcSwap<[u8; 32]>);

impl Bearer {
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

    fn new(secret: &str) -> Self {
        Self(ArcSwap::from_pointee(digest(secret)))
    }

    /// Takes the token of a changed config; without one, the old one stays.
    pub fn follow(&self, config: &AdminConfig) {
        if let Some(secret) = &config.token {
            self.0.store(digest(secret.reveal()).into());
        }
    }

    /// True for the token.
    pub fn is(&self, secret: &str) -> bool {
        digest(secret) == **self.0.load()
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
