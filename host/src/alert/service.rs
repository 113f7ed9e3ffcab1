//! What alerts are sent by: the mail services of the config and the servers of webhooks,
//! each with its connections, its troubles and its pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Failure, Kind};
use super::rate::backoff;
use super::smtp::Smtp;
use super::webhook;
use crate::config::{AlertsConfig, Config, MailConfig, MailKind};

/// The way that a service sends.
pub enum Way {
    Log,
    Smtp(Smtp),
    /// Its settings are bad in a way that shows only when they are used.
    Broken(String),
    Webhook,
}

/// One service.
pub struct Service {
    pub way: Arc<Way>,
    /// None for webhooks.
    pub mail: Option<MailConfig>,
    /// Alerts on their way at a time.
    limit: usize,
    busy: usize,
    /// Failures in a row that are the service's.
    failures: u32,
    paused: Option<Instant>,
}

impl Service {
    fn mail(config: &MailConfig) -> Self {
        let way = match &config.kind {
            MailKind::Log => Way::Log,
            MailKind::Smtp(server) => match Smtp::new(config, server) {
                Ok(smtp) => Way::Smtp(smtp),
                Err(error) => Way::Broken(error),
            },
        };
        Self::new(way, Some(config.clone()), config.connections as usize)
    }

    fn new(way: Way, mail: Option<MailConfig>, limit: usize) -> Self {
        Self {
            way: Arc::new(way),
            mail,
            limit,
            busy: 0,
            failures: 0,
            paused: None,
        }
    }

    /// How many more it takes now. One that was in trouble is tried with a single one.
    pub fn room(&self, now: Instant) -> usize {
        match self.paused {
            Some(until) if until > now => 0,
            Some(_) => 1_usize.saturating_sub(self.busy),
            None => self.limit.saturating_sub(self.busy),
        }
    }

    /// When it may be tried again, if it waits for that.
    pub fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused.filter(|until| *until > now)
    }

    pub fn begin(&mut self, alerts: usize) {
        self.busy += alerts;
    }

    /// One has come back: it was taken, or it failed, or it says nothing of the service,
    /// because it did not come so far.
    pub fn end(&mut self, name: &str, taken: Option<Result<(), &Failure>>, config: &AlertsConfig) {
        self.busy = self.busy.saturating_sub(1);
        match taken {
            Some(Err(failure)) => {
                // Those that were on their way together say the same together.
                if self.paused_until(Instant::now()).is_some() {
                    return;
                }
                self.failures += 1;
                let pause = backoff(self.failures, config.backoff, config.longest_backoff);
                self.paused = Some(Instant::now() + pause);
                let (why, tries) = (&failure.message, self.failures);
                tracing::warn!(
                    service = name,
                    tries,
                    "alerts wait: the service does not take them ({why}); tried again in {}",
                    shown(pause)
                );
            }
            Some(Ok(())) => {
                if self.paused.take().is_some() {
                    tracing::info!(service = name, "the service takes alerts again");
                }
                self.failures = 0;
            }
            None => {}
        }
    }
}

fn shown(pause: Duration) -> String {
    match pause.as_secs() {
        0 => format!("{} ms", pause.as_millis()),
        seconds => format!("{seconds} s"),
    }
}

/// The services that a config has, by name. Those that have not changed are taken over.
pub fn all(config: &Config, mut before: BTreeMap<String, Service>) -> BTreeMap<String, Service> {
    let mut services = BTreeMap::new();
    for (name, mail) in &config.mail {
        let same = before
            .remove(name)
            .filter(|service| service.mail.as_ref() == Some(mail));
        services.insert(name.clone(), same.unwrap_or_else(|| Service::mail(mail)));
    }
    let alerts = config.endpoints.values().flat_map(|one| &one.alerts);
    for webhook in alerts.filter_map(|alert| alert.webhook.as_ref()) {
        let server = webhook.server();
        let same = before.remove(&*server).filter(|one| one.mail.is_none());
        let service = || Service::new(Way::Webhook, None, webhook::AT_A_TIME);
        services
            .entry(server.to_string())
            .or_insert_with(|| same.unwrap_or_else(service));
    }
    services
}

/// What a service that is set up wrongly answers.
pub fn broken(why: &str) -> Failure {
    Failure::new(Kind::Down, why)
}
