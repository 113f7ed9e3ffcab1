//! What requests need besides themselves: of the whole server, of a plugin, of a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, watch};

use super::resolve::{Resolve, System};
use crate::plugin::limits::Limit;
use crate::plugin::log::{Level, PluginLog};
use crate::plugin::meter::Meter;
use crate::plugin::settings::PluginSettings;
use crate::tls::{Roots, Tls};

/// How all plugins reach the network.
pub struct Network {
    pub resolver: Box<dyn Resolve>,
    pub tls: Tls,
}

impl Network {
    /// The system's resolver and root certificates, and these ones.
    pub fn new(roots: Roots) -> Self {
        Self {
            resolver: Box::<System>::default(),
            tls: Tls::new(roots),
        }
    }
}

/// What the requests of one generation share.
pub struct Outbound {
    pub network: Arc<Network>,
    pub settings: Arc<PluginSettings>,
    log: Arc<PluginLog>,
    pub meter: Arc<Meter>,
    /// `limits.http_concurrent`.
    pub concurrent: Arc<Semaphore>,
    /// No request is sent: the call is a fixture's or a comparison's.
    pub is_closed: bool,
}

impl Outbound {
    pub fn new(network: Arc<Network>, settings: Arc<PluginSettings>, log: Arc<PluginLog>) -> Self {
        let concurrent = Arc::new(Semaphore::new(settings.limits.http_concurrent));
        Self {
            network,
            settings,
            meter: Arc::clone(log.meter()),
            log,
            concurrent,
            is_closed: false,
        }
    }

    /// The same, refusing all requests: nobody knows what they would be answered, and
    /// sent once more they would be done once more.
    pub fn closed(self) -> Self {
        Self {
            is_closed: true,
            ..self
        }
    }

    pub fn plugin(&self) -> &str {
        self.log.plugin()
    }

    /// Tells the operator, in the plugin's log and within its rate.
    pub fn warn(&self, message: &str) {
        self.log.line(Level::Warn, "http", message);
    }

    /// A request went past a limit. Every such refusal of `wasi:http` is counted here.
    pub fn over(&self, limit: Limit, message: &str) {
        self.meter.hit(limit);
        self.warn(&format!(
            "{message}; `{limit}` of [plugins.{}] is the limit",
            self.plugin()
        ));
    }
}

/// What the requests of one call of a hook share.
pub struct CallRequests {
    /// Requests sent so far.
    pub sent: u32,
    /// Requests were refused because the way out is closed.
    pub refused: bool,
    /// Bytes they may still have.
    pub room: Room,
    /// Dropped with the call; whoever watches it ends then.
    over: watch::Sender<()>,
}

impl CallRequests {
    pub fn new(bytes: u64) -> Self {
        Self {
            sent: 0,
            refused: false,
            room: Room(Arc::new(AtomicU64::new(bytes))),
            over: watch::Sender::new(()),
        }
    }

    pub fn end(&self) -> CallEnd {
        CallEnd(self.over.subscribe())
    }
}

/// Bytes that a call's requests and responses may still have.
#[derive(Clone)]
pub struct Room(Arc<AtomicU64>);

impl Room {
    /// Takes this many; false when there are not as many left.
    pub fn take(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let less = |left: u64| left.checked_sub(bytes);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    pub fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The end of a call.
#[derive(Clone)]
pub struct CallEnd(watch::Receiver<()>);

impl CallEnd {
    /// Returns when the call is over.
    pub async fn reached(&mut self) {
        // Nothing is ever sent: what comes is the error of a sender that is gone.
        let _ = self.0.changed().await;
    }
}
