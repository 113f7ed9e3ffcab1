//! Becoming a live subscriber: joining the stream where history or a cursor has ended.

use std::sync::Arc;

use super::batch::BYTES;
use super::class::ClassKey;
use super::groups::Groups;
use super::hub::Hub;
use super::roster::Connected;
use super::socket::{Offered, Slice};
use super::{Step, Subscribed};
use crate::id::ConnectionId;
use crate::log::ring::Read;
use crate::log::{Audience, Event};

/// A subscriber this many events behind is brought up to date here; one further behind
/// reads the log itself.
const SMALL_GAP: u64 = 256;

impl Hub {
    /// Makes a connection live from offset `next` on, if fan-out can.
    pub(super) fn subscribe(
        &mut self,
        connection: ConnectionId,
        key: Arc<ClassKey>,
        next: u64,
    ) -> Subscribed {
        if !self.roster.connections.contains_key(&connection) {
            return Subscribed::Live;
        }
        let class = self.roster.class(key.clone());
        let connected = &self.roster.connections[&connection];
        if next > self.delivered + 1 {
            connected.outbox.set_lag(None);
            self.roster.expect(connection, class, next);
            return Subscribed::Live;
        }
        if !self.bridge(connection, connected, &key, next) {
            self.roster.drop_if_empty(class);
            return Subscribed::Behind;
        }
        self.roster.join(connection, class);
        self.groups.caught_up(connection, self.delivered);
        Subscribed::Live
    }

    /// Sends what lies between `next` and what has been delivered, if it is little. False
    /// if the connection has to read it from the log.
    fn bridge(
        &self,
        connection: ConnectionId,
        connected: &Connected,
        key: &ClassKey,
        next: u64,
    ) -> bool {
        let gap = self.delivered + 1 - next;
        if gap > SMALL_GAP {
            return false;
        }
        let Read::Events(mut events) = self.log.ring.read_after(next - 1, gap as usize, BYTES)
        else {
            return false;
        };
        if (events.len() as u64) < gap {
            return false;
        }
        events.retain(|event| visible(&self.groups, connection, connected.user.as_ref(), event));
        let mut bytes = Vec::new();
        for event in &events {
            if let Some(shape) = key.shape(event) {
                self.encoder.event(key, event, shape, &mut bytes);
            }
        }
        connected.outbox.set_lag(None);
        if bytes.is_empty() {
            return true;
        }
        let (first, bytes) = (next, bytes.into());
        // If the socket is full again, the outbox knows where to read on.
        connected.outbox.offer(None, Some(Slice { bytes, first })) == Offered::Taken
    }

    /// Makes subscribers live that wanted nothing before the events at hand.
    pub(super) async fn admit_early(&mut self, steps: &[Step]) {
        let first = steps.iter().find_map(|step| match step {
            Step::Event(event) => Some(event.offset),
            _ => None,
        });
        let Some(first) = first.filter(|first| self.roster.is_expected(*first)) else {
            return;
        };
        // They must not see what the batch holds already.
        self.flush().await;
        for connection in self.roster.join_expected(first) {
            self.groups.caught_up(connection, self.delivered);
        }
    }
}

/// True if the event's audience includes the connection, filters aside.
pub fn visible(
    groups: &Groups,
    connection: ConnectionId,
    user: Option<&Arc<str>>,
    event: &Event,
) -> bool {
    if event.exclude_origin && event.origin == Some(connection) {
        return false;
    }
    match &event.audience {
        Audience::All => true,
        Audience::User(name) => user == Some(name),
        Audience::Group(group) => groups.was_member(connection, group, event.offset),
    }
}
