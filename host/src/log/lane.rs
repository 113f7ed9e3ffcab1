//! One connection's messages on their way to the log, in order.
//!
//! A connection judges its next message while the one before is still being written
//! (up to `limit` at a time). When the sequencer finds that a message was judged on
//! something that has changed since, that message *and all later ones of its lane* come
//! back to be judged anew, in their order: the lane's epoch is raised, and whatever
//! still carries the old epoch is bounced.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::submission::Source;

pub struct Lane {
    limit: usize,
    in_flight: AtomicUsize,
    epoch: AtomicU32,
    bounced: Mutex<Vec<Source>>,
    changed: Notify,
    /// Rings when something has come back.
    returned: Notify,
}

impl Lane {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            in_flight: AtomicUsize::new(0),
            epoch: AtomicU32::new(0),
            bounced: Mutex::new(Vec::new()),
            changed: Notify::new(),
            returned: Notify::new(),
        }
    }

    /// Messages on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// The epoch a message judged from now on carries.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// One message more is on its way.
    pub fn depart(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// A message has been committed or refused for good.
    pub fn settle(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// The sequencer: this message's basis has changed. It comes back, and what
    /// follows it in the lane will.
    pub fn conflict(&self, source: Source) {
        // In this order: whoever reads the new epoch must find that something has come
        // back, or a message judged just now would be written ahead of it.
        self.bounced.lock().push(source);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.returned_one();
    }

    /// The sequencer: this message was judged behind one that came back.
    pub fn bounce(&self, source: Source) {
        self.bounced.lock().push(source);
        self.returned_one();
    }

    fn returned_one(&self) {
        self.settle();
        self.returned.notify_one();
    }

    /// Waits until messages have come back.
    pub async fn returned(&self) {
        self.returned.notified().await;
    }

    /// Waits until another message may depart. False when messages have come back and
    /// must be judged anew first.
    pub async fn ready(&self) -> bool {
        loop {
            if !self.bounced.lock().is_empty() {
                return false;
            }
            if self.in_flight.load(Ordering::Acquire) < self.limit {
                return true;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until nothing of this lane is on its way, and takes what came back.
    pub async fn drain(&self) -> Vec<Source> {
        while self.in_flight.load(Ordering::Acquire) > 0 {
            self.changed.notified().await;
        }
        std::mem::take(&mut *self.bounced.lock())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::ConnectionId;
    use crate::log::submission::Command;

    fn source() -> Source {
        Source {
            queued: false,
            awaited: false,
            command: Command::Handle {
                message_type: String::new(),
                message: serde_json::Map::new(),
            },
            message_id: None,
            connection: ConnectionId::random(),
            user: None,
            received_at: 0,
            attempts: 0,
        }
    }

    /// Whoever has the new epoch is told that something has come back.
    #[test]
    fn a_new_epoch_is_never_seen_before_what_came_back() {
        for _ in 0..2_000 {
            let lane = Arc::new(Lane::new(8));
            lane.depart();
            let sequencer = {
                let lane = lane.clone();
                std::thread::spawn(move || lane.conflict(source()))
            };
            while lane.epoch() == 0 {
                std::hint::spin_loop();
            }
            assert!(!lane.bounced.lock().is_empty());
            sequencer.join().expect("it does not panic");
        }
    }

    #[tokio::test]
    async fn what_came_back_is_taken_when_nothing_is_on_its_way() {
        let lane = Lane::new(1);
        assert!(lane.ready().await);
        lane.depart();
        lane.conflict(source());
        assert!(!lane.ready().await, "something must be judged anew first");
        assert_eq!(lane.drain().await.len(), 1);
        assert!(lane.ready().await);
    }
}
