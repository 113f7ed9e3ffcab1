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
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.bounce(source);
    }

    /// The sequencer: this message was judged behind one that came back.
    pub fn bounce(&self, source: Source) {
        self.bounced.lock().push(source);
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
