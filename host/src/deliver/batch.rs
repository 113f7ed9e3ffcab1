//! One or more commit groups on their way to the subscribers.

use std::collections::HashMap;
use std::sync::Arc;

use crate::id::ConnectionId;
use crate::log::Event;

use super::Reply;
use super::index::ClassId;
use super::wire::Wire;

/// Events collected before they are written out: a few commits become one write.
pub const EVENTS: usize = 1_024;
/// Likewise by bytes. Slow sockets hold on to what is written to them, so this is also
/// the unit of memory a lagging subscriber can pin.
pub const BYTES: usize = 256 * 1024;

#[derive(Default)]
pub struct Batch {
    pub events: Vec<Arc<Event>>,
    pub bytes: usize,
    /// Classes that see any of the events.
    pub touched: Vec<ClassId>,
    /// What single connections get besides their class's events.
    pub personal: HashMap<ConnectionId, Personal>,
    pub closes: Vec<(ConnectionId, u16, String)>,
    pub admitted: usize,
}

/// How one connection's view of the batch differs from its class's.
#[derive(Default)]
pub struct Personal {
    /// Frames for it alone.
    pub frames: Vec<u8>,
    /// The answer that its HTTP request waits for.
    pub reply: Option<Box<Reply>>,
    /// Events addressed to it (a group, a user): indexes into the batch.
    pub add: Vec<u32>,
    /// Events of its class that it must not get (its own, excluded).
    pub skip: Vec<u32>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.personal.is_empty()
            && self.closes.is_empty()
            && self.admitted == 0
    }

    pub fn is_full(&self) -> bool {
        self.events.len() >= EVENTS || self.bytes >= BYTES
    }

    /// Adds a text for one connection.
    pub fn text(&mut self, connection: ConnectionId, wire: Wire, json: &str) {
        wire.text(
            json.as_bytes(),
            &mut self.personal.entry(connection).or_default().frames,
        );
    }
}
