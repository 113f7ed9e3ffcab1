//! Reading an endpoint's log: the ring first, then the database.

use std::sync::Arc;

use crate::row::Table;
use crate::storage::Reader;

use super::endpoint_log::EndpointLog;
use super::event::Event;
use super::position::{Incarnations, Position};
use super::ring::Read;

/// The read side of one endpoint's log.
pub struct LogReader {
    pub log: Arc<EndpointLog>,
    pub incarnations: Incarnations,
    /// None for ephemeral logs: what the ring has lost is gone.
    pub storage: Option<Reader>,
}

/// Why a subscriber can't continue where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The token is none of this log: another database, or a restored older copy.
    Unknown,
    /// Retention has cut what the subscriber lacks.
    Cut,
}

impl Reset {
    /// As `_reset` frames name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_position",
            Self::Cut => "cut",
        }
    }
}

impl LogReader {
    /// The offset a client's token stands for.
    pub fn resume(&self, token: &str) -> Result<u64, Reset> {
        let position = Position::parse(token).ok_or(Reset::Unknown)?;
        if self.incarnations.reached(position, self.log.ring.head()) {
            Ok(position.offset)
        } else {
            Err(Reset::Unknown)
        }
    }

    /// The next events after `offset`, bounded by count and bytes; empty at the head.
    ///
    /// # Errors
    /// `Err(Ok(reset))` when the log no longer holds the next event; `Err(Err(_))` when
    /// the database can't be read.
    pub async fn after(
        &self,
        offset: u64,
        table: Option<&Table>,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Arc<Event>>, Result<Reset, sqlx::Error>> {
        match (
            self.log.ring.read_after(offset, limit, bytes),
            &self.storage,
        ) {
            (Read::Events(events), _) => Ok(events),
            (Read::Older, None) => Err(Ok(Reset::Cut)),
            (Read::Older, Some(storage)) => {
                let read = storage.events(self.log.id, table, offset, limit, bytes);
                match read.await {
                    Ok(events) if events.is_empty() => Err(Ok(Reset::Cut)),
                    Ok(events) => Ok(events),
                    Err(error) => Err(Err(error)),
                }
            }
        }
    }
}
