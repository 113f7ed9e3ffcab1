//! Which connection is in which group, and since which offset.
//!
//! Written by fan-out alone, in commit order; read by host functions and cursors. A
//! connection that has fallen behind must see an event of a group exactly if it was a
//! member *at that event's offset*, so memberships keep their span.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::effects::GroupChange;
use crate::id::ConnectionId;

#[derive(Default)]
pub struct Groups(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    members: HashMap<Arc<str>, HashSet<ConnectionId>>,
    spans: HashMap<ConnectionId, Vec<Span>>,
}

/// A membership: events after `since` up to `until`.
struct Span {
    group: Arc<str>,
    since: u64,
    until: Option<u64>,
}

/// Ended memberships kept for a connection that lags.
const ENDED_SPANS: usize = 1_000;

impl Groups {
    /// Adds a connection with the groups it has from the beginning: replayed events of
    /// these reach it, too.
    pub fn enter(&self, connection: ConnectionId, groups: &[String]) {
        let mut inner = self.0.write();
        groups
            .iter()
            .for_each(|group| inner.join(connection, group, 0));
    }

    /// Removes a connection from everything.
    pub fn exit(&self, connection: ConnectionId) {
        let mut inner = self.0.write();
        for span in inner.spans.remove(&connection).unwrap_or_default() {
            inner.remove_member(&span.group, connection);
        }
    }

    /// Applies a change that took effect after the event at `offset`. False when more
    /// memberships have ended than are kept: the connection has to catch up, or go.
    pub fn apply(&self, change: &GroupChange, offset: u64) -> bool {
        let mut inner = self.0.write();
        match change {
            GroupChange::Join { connection, group } => inner.join(*connection, group, offset),
            GroupChange::Leave { connection, group } => {
                inner.leave(*connection, offset, |name| name == group);
            }
            GroupChange::Move { connection, group } => {
                inner.leave(*connection, offset, |name| name != group);
                inner.join(*connection, group, offset);
            }
        }
        let spans = inner.spans.get(&change.connection());
        let ended = spans.map_or(0, |spans| {
            spans.iter().filter(|span| span.until.is_some()).count()
        });
        ended <= ENDED_SPANS
    }

    /// True if the connection was in the group when the event at `offset` happened.
    pub fn was_member(&self, connection: ConnectionId, group: &str, offset: u64) -> bool {
        let inner = self.0.read();
        inner.spans.get(&connection).is_some_and(|spans| {
            spans.iter().any(|span| {
                &*span.group == group
                    && span.since < offset
                    && span.until.is_none_or(|until| offset <= until)
            })
        })
    }

    /// The connection has everything up to `offset`: older spans are no longer needed.
    pub fn caught_up(&self, connection: ConnectionId, offset: u64) {
        if let Some(spans) = self.0.write().spans.get_mut(&connection) {
            spans.retain(|span| span.until.is_none_or(|until| until > offset));
        }
    }

    /// Calls `visit` for each present member.
    pub fn each_member(&self, group: &str, visit: impl FnMut(ConnectionId)) {
        if let Some(members) = self.0.read().members.get(group) {
            members.iter().copied().for_each(visit);
        }
    }

    /// Up to `limit` present members.
    pub fn members(&self, group: &str, limit: usize) -> Vec<ConnectionId> {
        let inner = self.0.read();
        inner
            .members
            .get(group)
            .map_or_else(Vec::new, |all| all.iter().take(limit).copied().collect())
    }

    pub fn count(&self, group: &str) -> usize {
        self.0.read().members.get(group).map_or(0, HashSet::len)
    }

    /// The groups a connection is in, sorted.
    pub fn of(&self, connection: ConnectionId) -> Vec<String> {
        let inner = self.0.read();
        let spans = inner.spans.get(&connection).map_or(&[][..], Vec::as_slice);
        let present = spans.iter().filter(|span| span.until.is_none());
        let mut groups: Vec<_> = present.map(|span| span.group.to_string()).collect();
        groups.sort();
        groups
    }
}

impl Inner {
    fn join(&mut self, connection: ConnectionId, group: &str, since: u64) {
        let spans = self.spans.entry(connection).or_default();
        if spans
            .iter()
            .any(|span| &*span.group == group && span.until.is_none())
        {
            return;
        }
        let group: Arc<str> = group.into();
        spans.push(Span {
            group: group.clone(),
            since,
            until: None,
        });
        self.members.entry(group).or_default().insert(connection);
    }

    fn leave(&mut self, connection: ConnectionId, offset: u64, which: impl Fn(&str) -> bool) {
        let mut left = Vec::new();
        if let Some(spans) = self.spans.get_mut(&connection) {
            for span in spans
                .iter_mut()
                .filter(|span| span.until.is_none() && which(&span.group))
            {
                span.until = Some(offset);
                left.push(span.group.clone());
            }
        }
        left.iter()
            .for_each(|group| self.remove_member(group, connection));
    }

    fn remove_member(&mut self, group: &str, connection: ConnectionId) {
        if let Some(members) = self.members.get_mut(group) {
            members.remove(&connection);
            if members.is_empty() {
                self.members.remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_covers_the_events_between_join_and_leave() {
        let groups = Groups::default();
        let me = ConnectionId::random();
        let room = || "room".to_owned();
        groups.apply(
            &GroupChange::Join {
                connection: me,
                group: room(),
            },
            10,
        );
        groups.apply(
            &GroupChange::Leave {
                connection: me,
                group: room(),
            },
            20,
        );
        assert_eq!(groups.count("room"), 0);
        assert!(!groups.was_member(me, "room", 10));
        assert!(groups.was_member(me, "room", 11));
        assert!(groups.was_member(me, "room", 20));
        assert!(!groups.was_member(me, "room", 21));
        groups.caught_up(me, 20);
        assert!(!groups.was_member(me, "room", 15));
    }

    #[test]
    fn more_ended_memberships_than_are_kept_are_told() {
        let groups = Groups::default();
        let me = ConnectionId::random();
        let (connection, group) = (me, "room".to_owned());
        let join = GroupChange::Join { connection, group };
        let (connection, group) = (me, "room".to_owned());
        let leave = GroupChange::Leave { connection, group };
        let kept = ENDED_SPANS as u64;
        for offset in 0..=kept {
            assert!(groups.apply(&join, offset));
            assert_eq!(groups.apply(&leave, offset), offset < kept);
        }
    }

    #[test]
    fn moving_leaves_all_others_and_keeps_the_target() {
        let groups = Groups::default();
        let me = ConnectionId::random();
        groups.enter(me, &["a".into(), "b".into()]);
        groups.apply(
            &GroupChange::Move {
                connection: me,
                group: "b".into(),
            },
            5,
        );
        assert_eq!(groups.of(me), ["b"]);
        assert!(groups.was_member(me, "b", 1), "it was in `b` all along");
        groups.exit(me);
        assert_eq!((groups.count("a"), groups.count("b")), (0, 0));
        assert!(groups.of(me).is_empty());
    }
}
