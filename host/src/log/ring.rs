//! Recent events of one endpoint in memory, where live delivery and cursors that are
//! not far behind read them.
//!
//! The ring is bounded by bytes. It never drops an event that fan-out has not taken
//! yet: admission (see `log::lane`) keeps those few.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::RwLock;

use super::event::Event;

pub struct Ring {
    limit: usize,
    inner: RwLock<Inner>,
}

struct Inner {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// Offset of the newest committed event, whether it is still held or not.
    head: u64,
    /// Events up to here have been handed to fan-out and may be dropped.
    delivered: u64,
}

/// What a read found.
pub enum Read {
    /// The next events, in order; empty when the reader is at the head.
    Events(Vec<Arc<Event>>),
    /// The next event is older than the ring; the database has it.
    Older,
}

impl Ring {
    /// An empty ring after `head` events; holds about `limit` bytes.
    pub fn new(limit: usize, head: u64) -> Self {
        let inner = Inner {
            events: VecDeque::new(),
            bytes: 0,
            head,
            delivered: head,
        };
        Self {
            limit,
            inner: RwLock::new(inner),
        }
    }

    pub fn head(&self) -> u64 {
        self.inner.read().head
    }

    /// Offset of the oldest event held; the next one's if it holds none.
    pub fn first(&self) -> u64 {
        let inner = self.inner.read();
        inner.head + 1 - inner.events.len() as u64
    }

    /// Adds committed events, which continue the offsets without a gap.
    pub fn push(&self, events: &[Arc<Event>]) {
        let mut inner = self.inner.write();
        for event in events {
            debug_assert_eq!(event.offset, inner.head + 1, "offsets are gapless");
            inner.head = event.offset;
            inner.bytes += event.weight();
            inner.events.push_back(event.clone());
        }
        inner.trim(self.limit);
    }

    /// Fan-out has taken everything up to `offset`.
    pub fn delivered(&self, offset: u64) {
        let mut inner = self.inner.write();
        inner.delivered = offset;
        inner.trim(self.limit);
    }

    /// Up to `limit` events after `offset`, at most about `bytes` of them.
    pub fn read_after(&self, offset: u64, limit: usize, bytes: usize) -> Read {
        let inner = self.inner.read();
        let first = inner.head + 1 - inner.events.len() as u64;
        if offset + 1 < first {
            return Read::Older;
        }
        let skip = (offset + 1 - first) as usize;
        let mut taken = 0;
        let events = inner
            .events
            .iter()
            .skip(skip)
            .take(limit)
            .take_while(|event| {
                // The first is always taken, or an event larger than `bytes` would
                // stop its readers for ever.
                let fits = taken == 0 || taken + event.weight() <= bytes;
                taken += event.weight();
                fits
            })
            .cloned()
            .collect();
        Read::Events(events)
    }
}

impl Inner {
    fn trim(&mut self, limit: usize) {
        while self.bytes > limit
            && self
                .events
                .front()
                .is_some_and(|event| event.offset <= self.delivered)
        {
            if let Some(event) = self.events.pop_front() {
                self.bytes -= event.weight();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Audience;

    fn event(offset: u64) -> Arc<Event> {
        Arc::new(Event {
            offset,
            time: 0,
            method: None,
            audience: Audience::All,
            origin: None,
            origin_user: None,
            exclude_origin: false,
            change: None,
            sent: vec![b'x'; 100].into(),
            judged_by: "".into(),
        })
    }

    fn offsets(read: Read) -> Option<Vec<u64>> {
        match read {
            Read::Events(events) => Some(events.iter().map(|event| event.offset).collect()),
            Read::Older => None,
        }
    }

    #[test]
    fn keeps_what_is_not_delivered_and_drops_the_oldest_after() {
        let ring = Ring::new(3 * event(1).weight(), 0);
        ring.push(&(1..=5).map(event).collect::<Vec<_>>());
        assert_eq!(
            offsets(ring.read_after(0, 10, usize::MAX)),
            Some(vec![1, 2, 3, 4, 5])
        );
        ring.delivered(5);
        assert_eq!(offsets(ring.read_after(0, 10, usize::MAX)), None);
        assert_eq!(
            offsets(ring.read_after(2, 10, usize::MAX)),
            Some(vec![3, 4, 5])
        );
        assert_eq!(offsets(ring.read_after(5, 10, usize::MAX)), Some(vec![]));
        assert_eq!(ring.head(), 5);
    }

    #[test]
    fn reads_are_bounded_by_count_and_bytes_but_never_empty_handed() {
        let ring = Ring::new(usize::MAX, 10);
        ring.push(&(11..=20).map(event).collect::<Vec<_>>());
        assert_eq!(
            offsets(ring.read_after(12, 3, usize::MAX)),
            Some(vec![13, 14, 15])
        );
        assert_eq!(offsets(ring.read_after(12, 9, 1)), Some(vec![13]));
        assert_eq!(offsets(ring.read_after(9, 9, 1)), None);
    }
}
