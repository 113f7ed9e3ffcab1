//! What a message does besides its own row: sends, group changes, closes, rows and keys
//! that a plugin writes.
//!
//! Hooks fill a buffer; nothing of it is visible before all hooks of the message have
//! returned ok and its transaction is committed (promise P3).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::alert::PluginMail;
use crate::id::ConnectionId;
use crate::kv::Keys;
use crate::log::Method;
use crate::row::RowWrite;

/// One buffered effect, in the order the hooks asked for them.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// JSON text to one connection; neither logged nor replayed.
    ToConnection {
        connection: ConnectionId,
        json: String,
    },
    /// JSON text to every connection of a user; logged.
    ToUser {
        user: String,
        json: String,
    },
    /// JSON text to every member of a group; logged.
    ToGroup {
        group: String,
        json: String,
        exclude_sender: bool,
    },
    /// JSON text to every connection of the endpoint; logged.
    Broadcast {
        json: String,
        exclude_sender: bool,
    },
    /// Close a connection after what is buffered for it.
    Close {
        connection: ConnectionId,
        code: u16,
        reason: String,
    },
    Group(GroupChange),
    /// A row written by the plugin; subscribers see it like any other.
    Write(RowWrite),
    /// A message into an endpoint, judged by the plugins there.
    Publish(Publication),
    /// A mail, by the outbox.
    Mail {
        plugin: Arc<str>,
        /// The mail service, which is known to be there.
        service: String,
        mail: Box<PluginMail>,
    },
}

/// A message that a plugin publishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Name of the endpoint.
    pub endpoint: String,
    pub method: Method,
    pub message: Map<String, Value>,
}

/// A connection joins or leaves a group of its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    Join {
        connection: ConnectionId,
        group: String,
    },
    Leave {
        connection: ConnectionId,
        group: String,
    },
    /// Leave every group, then join this one.
    Move {
        connection: ConnectionId,
        group: String,
    },
}

impl GroupChange {
    /// Whose groups change.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Join { connection, .. }
            | Self::Leave { connection, .. }
            | Self::Move { connection, .. } => *connection,
        }
    }
}

/// The buffer of one message.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    pub list: Vec<Effect>,
    /// Key-value storage, read and written.
    pub keys: Keys,
}

impl Effects {
    /// Nothing is to be done, and nothing to be checked.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.keys.is_empty()
    }

    /// What counts against `limits.effects`.
    pub fn len(&self) -> usize {
        self.list.len() + self.keys.writes()
    }
}
