//! The outbox as the rest of the server sees it: whether there is room, and whom to wake.
//! The alerts themselves are in the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::config::{Config, MailConfig};

/// Shared by everything that posts alerts and by the worker.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Alerts that wait to be sent; dead letters are not counted.
    waiting: AtomicUsize,
    /// `alerts.limit`.
    limit: AtomicUsize,
    services: ArcSwap<BTreeMap<String, MailConfig>>,
    bell: Notify,
}

impl Outbox {
    pub fn new(config: &Config) -> Self {
        let outbox = Self::default();
        outbox.follow(config);
        outbox
    }

    /// Takes what a changed config says.
    pub fn follow(&self, config: &Config) {
        self.limit.store(config.alerts.limit, Ordering::Relaxed);
        self.services.store(Arc::new(config.mail.clone()));
        self.bell.notify_one();
    }

    /// Whether one more may be posted. Messages that are judged at the same time may go
    /// past the limit together by as many as they are.
    pub fn has_room(&self) -> bool {
        self.waiting() < self.limit.load(Ordering::Relaxed)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What the database says, which is right whatever was counted.
    pub fn found(&self, waiting: usize) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// So many are committed.
    pub fn written(&self, alerts: usize) {
        self.waiting.fetch_add(alerts, Ordering::Relaxed);
        self.bell.notify_one();
    }

    /// So many more wait, or less.
    pub fn change(&self, by: i64) {
        let changed = |waiting: usize| Some(waiting.saturating_add_signed(by as isize));
        let _ = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    /// Has the worker look.
    pub fn wake(&self) {
        self.bell.notify_one();
    }

    /// Returns when there may be something to send.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }

    /// The mail service of this name, or the only one. The error says what to write.
    pub fn service(&self, name: Option<&str>) -> Result<String, String> {
        let services = self.services.load();
        let known = || services.keys().cloned().collect::<Vec<_>>().join(", ");
        match name {
            Some(name) if services.contains_key(name) => Ok(name.to_owned()),
            Some(name) => Err(format!(
                "there is no mail service `{name}`; there are: {}",
                known()
            )),
            None if services.len() == 1 => Ok(known()),
            None if services.is_empty() => {
                Err("the server has no mail service; its operator adds [mail.NAME]".into())
            }
            None => Err(format!("name a `service`, one of {}", known())),
        }
    }
}
