//! A key set behind a URL: read at start, again and again, and when a token names a key
//! that nobody knows. As long as the URL fails, the keys that were known stay.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use url::Url;

use super::fetch;
use super::key::{Key, Readers, read_set};
use crate::config::JwtConfig;
use crate::tls::{Roots, Tls};

/// Keys that somebody else exchanges.
pub struct RemoteKeys {
    url: Url,
    refresh: Duration,
    pause: Duration,
    tls: Tls,
    keys: ArcSwap<Vec<Key>>,
    /// Held while the URL is read.
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    /// When the last one began or ended.
    last: Option<Instant>,
    /// The last one failed, and the operator has been told.
    failing: bool,
}

impl RemoteKeys {
    /// Begins to read the set; goes on until nobody holds it any more.
    pub fn start(url: Url, config: &JwtConfig, roots: Roots) -> Arc<Self> {
        let remote = Arc::new(Self {
            url,
            refresh: config.jwks_refresh,
            pause: config.jwks_pause,
            tls: Tls::new(roots),
            keys: ArcSwap::default(),
            reading: Mutex::default(),
        });
        let weak = Arc::downgrade(&remote);
        tokio::spawn(async move {
            while let Some(remote) = weak.upgrade() {
                let pause = remote.read_again().await;
                drop(remote);
                sleep(pause).await;
            }
        });
        remote
    }

    /// Whether it reads what this config says.
    pub fn is_for(&self, config: &JwtConfig) -> bool {
        config.jwks_url.as_ref() == Some(&self.url)
            && (config.jwks_refresh, config.jwks_pause) == (self.refresh, self.pause)
    }

    /// The keys as they are known.
    pub fn keys(&self) -> Arc<Vec<Key>> {
        self.keys.load_full()
    }

    /// Reads the set because a key is missing, unless that was done just now: whoever makes
    /// up key ids must not make the server a nuisance to another.
    pub async fn look_again(&self) {
        let came = Instant::now();
        let mut reading = self.reading.lock().await;
        let is_recent = |last: Instant| last >= came || last.elapsed() < self.pause;
        if !reading.last.is_some_and(is_recent) {
            self.read(&mut reading).await;
        }
    }

    /// Returns how long to wait for the next time.
    async fn read_again(&self) -> Duration {
        let mut reading = self.reading.lock().await;
        self.read(&mut reading).await;
        if reading.failing {
            return self.refresh.min(self.pause);
        }
        self.refresh
    }

    async fn read(&self, reading: &mut Reading) {
        // Before, too: a client that leaves ends what it waits for, and the next one must
        // not begin anew at once.
        reading.last = Some(Instant::now());
        let text = fetch::get(&self.url, &self.tls).await;
        let keys = text.and_then(|text| read_set(&text, Readers::Everybody));
        reading.last = Some(Instant::now());
        let url = fetch::shown(&self.url);
        match keys {
            Ok(keys) => {
                if reading.failing {
                    tracing::info!("`auth.jwt.jwks_url`: {url} can be read again");
                }
                reading.failing = false;
                self.keys.store(Arc::new(keys));
            }
            Err(what) if reading.failing => tracing::debug!("`auth.jwt.jwks_url`: {url} {what}"),
            Err(what) => {
                reading.failing = true;
                let known = self.keys.load().len();
                tracing::warn!(
                    "`auth.jwt.jwks_url`: {url} {what}; the {known} keys that are known stay, and \
                     it is tried again"
                );
            }
        }
    }
}
