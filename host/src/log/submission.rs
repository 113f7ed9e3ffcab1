//! A judged message on its way into the log.

use std::sync::Arc;

use crate::alert::Posting;
use crate::deliver::Step;
use crate::id::ConnectionId;
use crate::kv::Keys;
use crate::row::{RowWrite, Table};

use super::endpoint_log::EndpointLog;
use super::event::{Audience, Method};
use super::lane::Lane;

/// How often a message is judged before it is refused with `conflict`.
pub const ATTEMPTS: u32 = 3;

/// A message as it was received, kept until it is settled: if what it was judged on
/// changes before the write, it is judged again from here.
#[derive(Debug, Clone)]
pub struct Source {
    pub command: Command,
    pub message_id: Option<MessageId>,
    pub connection: ConnectionId,
    pub user: Option<Arc<str>>,
    /// Microseconds since 1970-01-01 UTC.
    pub received_at: u64,
    /// It has waited for a plugin that was away.
    pub queued: bool,
    /// Its sender waits for an answer, though it may have given no id.
    pub awaited: bool,
    /// How often it has come back because its basis had changed.
    pub attempts: u32,
}

/// What a client asks for, in no dialect's words.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Change the table: insert, update by `id`, delete by `id`.
    Change {
        method: Method,
        message: serde_json::Map<String, serde_json::Value>,
    },
    /// Ask a plugin's handler.
    Handle {
        message_type: String,
        message: serde_json::Map<String, serde_json::Value>,
    },
}

/// A client's own id for a message (`_msg_id`), which makes sending it twice harmless.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageId {
    /// Who chose it: the user, or the anonymous client's `_client`.
    pub sender: String,
    pub id: String,
    /// Digest of the message's body: the same id with another body is a mistake.
    pub body: [u8; 16],
}

/// What the sender of a message is told of its commit, if the message has an id or its
/// sender waits for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub position: String,
    /// Rows that a PUT or DELETE has changed; none for other messages.
    pub rows: Option<u32>,
}

impl Receipt {
    /// As it was kept with the message's id.
    pub fn stored(position: String, rows: Option<i64>) -> Self {
        Self {
            position,
            rows: rows.and_then(|rows| u32::try_from(rows).ok()),
        }
    }
}

/// An event that has no offset yet.
#[derive(Debug)]
pub struct Draft {
    pub method: Option<Method>,
    pub audience: Audience,
    pub exclude_origin: bool,
    /// The change of the table that goes with it.
    pub change: Option<RowWrite>,
    /// The JSON text to broadcast.
    pub sent: String,
}

/// What a submission brings, in the order it takes effect.
#[derive(Debug)]
pub enum Item {
    /// Written to the log (and the table), then delivered.
    Event(Draft),
    /// Delivered only.
    Step(Step),
}

/// What a message brings to one endpoint.
pub struct Part {
    pub log: Arc<EndpointLog>,
    /// The table as it was when the message was judged.
    pub table: Option<Arc<Table>>,
    pub items: Vec<Item>,
    /// Key-value storage, read and written.
    pub keys: Keys,
    /// Alerts for the outbox.
    pub alerts: Posting,
    /// `name@digest` of the plugin generations that judged it.
    pub judged_by: Arc<str>,
}

/// A message that passed all its hooks. It is written whole or not at all.
pub struct Submission {
    /// For the endpoint that the message was sent to.
    pub own: Part,
    /// What plugins published because of it, in order.
    pub published: Vec<Part>,
    /// Rows that a PUT or DELETE changes, for the answer to it; none for other messages.
    pub rows: Option<u32>,
    pub lane: Arc<Lane>,
    /// The lane's epoch at judging.
    pub epoch: u32,
    pub source: Source,
}

impl Part {
    pub fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.items.iter().filter_map(|item| match item {
            Item::Event(draft) => Some(draft),
            Item::Step(_) => None,
        })
    }
}

impl Submission {
    /// Its own part, then what was published.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.own).chain(&self.published)
    }

    fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.parts().flat_map(Part::drafts)
    }

    /// What it takes of its endpoint's admission: 8, and 1 for each KiB it sends, stores
    /// under keys or posts as alerts.
    pub fn weight(&self) -> u32 {
        let sent: usize = self.drafts().map(|draft| draft.sent.len()).sum();
        let stored: u64 = self.parts().map(|part| part.keys.bytes()).sum();
        let posted: u64 = self.parts().map(|part| part.alerts.bytes()).sum();
        let bytes = sent as u64 + stored + posted;
        // Bounded, because no message may need more than there is.
        8 + u32::try_from(bytes / 1024).map_or(32_768, |kib| kib.min(32_768))
    }

    /// True when a transaction is needed at all.
    pub fn writes(&self) -> bool {
        self.source.message_id.is_some()
            || self.drafts().next().is_some()
            || self
                .parts()
                .any(|part| !part.keys.is_empty() || !part.alerts.is_empty())
    }
}
