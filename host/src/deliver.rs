//! Fan-out: one task for each endpoint that brings committed events to its subscribers.
//!
//! The task owns who is subscribed to what, so nothing is locked while it works; others
//! talk to it through one queue, in commit order. For each batch it decides once for
//! each *class* of subscribers what they see, encodes that once, and leaves with one
//! write per subscriber. A subscriber that can't keep up costs it nothing: see
//! [`socket`].

mod batch;
pub mod class;
pub mod groups;
mod hub;
pub mod index;
mod roster;
pub mod socket;
pub mod subscribe;
pub mod wire;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::dialect::Notice;
use crate::effects::GroupChange;
use crate::id::ConnectionId;
use crate::log::Event;
use crate::log::submission::{MessageId, Receipt, Source};
use crate::rejection::Rejection;

pub use class::{ClassKey, Encoder};
pub use groups::Groups;
pub use hub::Hub;
pub use socket::{Offered, Outbox, Slice};
pub use wire::Wire;

/// What is delivered, in the order it takes effect.
#[derive(Debug)]
pub enum Step {
    Event(Arc<Event>),
    /// An answer of the host to one connection.
    Reply {
        connection: ConnectionId,
        reply: Reply,
    },
    /// JSON text from a plugin to one connection.
    Push {
        connection: ConnectionId,
        json: String,
    },
    Group(GroupChange),
    /// Close a connection after what is buffered for it.
    Close {
        connection: ConnectionId,
        code: u16,
        reason: String,
    },
}

/// What became of a message.
#[derive(Debug)]
pub enum Reply {
    Ack {
        /// None where the message had none, and its sender waits for the answer.
        msg_id: Option<String>,
        receipt: Receipt,
    },
    Error {
        msg_id: Option<String>,
        rejection: Rejection,
    },
}

impl Reply {
    pub fn ack(id: Option<&MessageId>, receipt: Receipt) -> Self {
        Self::Ack {
            msg_id: id.map(|id| id.id.clone()),
            receipt,
        }
    }

    /// As a dialect writes it.
    pub fn notice(&self) -> Notice<'_> {
        match self {
            Self::Ack { msg_id, receipt } => Notice::Ack {
                msg_id: msg_id.as_deref(),
                receipt,
            },
            Self::Error { msg_id, rejection } => Notice::Error {
                msg_id: msg_id.as_deref(),
                rejection,
            },
        }
    }

    pub fn error(source: &Source, rejection: Rejection) -> Self {
        let msg_id = source.message_id.as_ref().map(|id| id.id.clone());
        Self::Error { msg_id, rejection }
    }
}

/// What one commit group means for one endpoint.
#[derive(Debug, Default)]
pub struct Delivery {
    pub steps: Vec<Step>,
    /// What of the endpoint's admission is free again afterwards.
    pub admitted: usize,
}

/// The queue into an endpoint's fan-out.
pub enum HubMessage {
    /// A connection exists: it can be answered, but gets no events yet.
    Enter {
        connection: ConnectionId,
        outbox: Arc<Outbox>,
        user: Option<Arc<str>>,
    },
    /// An anonymous connection has become a user's.
    Identify {
        connection: ConnectionId,
        user: Arc<str>,
    },
    /// Events from offset `next` on, please.
    Subscribe {
        connection: ConnectionId,
        key: Arc<ClassKey>,
        next: u64,
        answer: oneshot::Sender<Subscribed>,
    },
    /// The connection wants no more events. The answer is the offset up to which it has
    /// had them.
    Unsubscribe {
        connection: ConnectionId,
        answer: oneshot::Sender<u64>,
    },
    /// The connection is gone.
    Exit {
        connection: ConnectionId,
    },
    Deliver(Delivery),
}

/// The answer to `Subscribe`.
#[derive(Debug, PartialEq, Eq)]
pub enum Subscribed {
    Live,
    /// Fan-out is too far ahead; read on from the log and ask again.
    Behind,
}

/// A handle to an endpoint's fan-out. Its queue needs no limit of its own: deliveries
/// are bounded by the endpoint's admission, the rest by its number of connections.
#[derive(Clone)]
pub struct HubSender(mpsc::UnboundedSender<HubMessage>);

impl HubSender {
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<HubMessage>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub fn send(&self, message: HubMessage) {
        // The hub ends only with the process; then nobody is left to tell.
        let _ = self.0.send(message);
    }
}
