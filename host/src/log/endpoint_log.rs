//! The write side of one endpoint's log.

use std::sync::Arc;

use crate::deliver::HubSender;

use super::appender::Durability;
use super::position::{Incarnation, Position};
use super::ring::Ring;

/// The write side of one endpoint's log.
pub struct EndpointLog {
    /// Key in the database's list of endpoints; 0 for ephemeral logs.
    pub id: i64,
    pub name: Arc<str>,
    pub durability: Durability,
    /// This run of the server.
    pub incarnation: Incarnation,
    pub ring: Ring,
    pub hub: HubSender,
}

impl EndpointLog {
    pub fn position(&self, offset: u64) -> Position {
        Position {
            incarnation: self.incarnation,
            offset,
        }
    }
}
