//! Rows of the outbox: on their way in, and on their way out.

use std::sync::Arc;

use uuid::Uuid;

use super::Outbox;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A mail of the endpoint's alert.
    Mail,
    /// A webhook call of the endpoint's alert.
    Webhook,
    /// A mail that a plugin has written.
    Plugin,
}

impl Channel {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Plugin => "plugin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Mail, Self::Webhook, Self::Plugin]
            .into_iter()
            .find(|channel| channel.as_str() == text)
    }
}

/// An alert that a message brings with it, written in its transaction.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Stays the same however often it is sent: the Message-ID is made of it.
    pub id: Uuid,
    /// The alert's name; for a plugin's mail the plugin's.
    pub alert: Arc<str>,
    pub channel: Channel,
    /// The mail service, or where a webhook goes.
    pub service: Arc<str>,
    /// An [`Occasion`](super::Occasion) or a [`PluginMail`](super::PluginMail) as JSON.
    pub data: Arc<str>,
}

/// The alerts of one part of a message.
#[derive(Debug, Clone, Default)]
pub struct Posting {
    pub alerts: Vec<Posted>,
    /// Told of the commit; none where there is nothing to tell.
    outbox: Option<Arc<Outbox>>,
}

impl Posting {
    pub fn new(alerts: Vec<Posted>, outbox: &Arc<Outbox>) -> Self {
        let outbox = (!alerts.is_empty()).then(|| Arc::clone(outbox));
        Self { alerts, outbox }
    }

    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// What it takes in the database.
    pub fn bytes(&self) -> u64 {
        let bytes: usize = self.alerts.iter().map(|alert| alert.data.len()).sum();
        bytes as u64
    }

    /// The transaction that they are in is committed.
    pub fn committed(&self, endpoint: &str) {
        if let Some(outbox) = &self.outbox {
            let alerts = self.alerts.len() as u64;
            let endpoint = endpoint.to_owned();
            metrics::counter!("hookcast_alerts_posted_total", "endpoint" => endpoint)
                .increment(alerts);
            outbox.written(self.alerts.len());
        }
    }
}

/// An alert that the worker has taken to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// Its place in the outbox.
    pub number: i64,
    pub id: String,
    /// Number and name of the endpoint.
    pub endpoint: i64,
    pub endpoint_name: String,
    pub alert: String,
    pub channel: Channel,
    pub data: String,
    /// When its message was written: microseconds since 1970-01-01 UTC.
    pub created: i64,
    /// The one whom it goes to, where alerts of one recipient are collected.
    pub recipient: Option<String>,
    /// It is part of the mail with this id, which has been tried already.
    pub digest: Option<String>,
    /// Tries that were refused.
    pub attempts: u32,
}

/// What became of alerts that were taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// They are where they should go.
    Sent { numbers: Vec<i64> },
    /// A mail that collects alerts of one recipient is: the next may follow at `next`.
    DigestSent {
        numbers: Vec<i64>,
        endpoint: i64,
        alert: String,
        recipient: String,
        sent: i64,
        next: i64,
    },
    /// They are tried again at `due`. `refused`: the try counts.
    Later {
        numbers: Vec<i64>,
        due: i64,
        refused: Option<String>,
    },
    /// They are not tried again unless an operator says so.
    Dead { numbers: Vec<i64>, error: String },
    /// One becomes one for each recipient, each due when that one may get another mail:
    /// at `sent + every` microseconds.
    Split {
        number: i64,
        recipients: Vec<String>,
        every: i64,
    },
}
