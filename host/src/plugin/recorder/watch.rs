//! Who wants to know of a plugin's calls: the shelf of its failures always, a request
//! for recordings and a comparison on live traffic now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use metrics::Counter;
use parking_lot::Mutex;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::mpsc;

use super::{Job, Shelf};
use crate::clock::now_micros;
use crate::plugin::call::{CallContext, Input, Output};
use crate::plugin::error::HookError;
use crate::plugin::fixture::{Fixture, Given};

/// Most failures of one plugin that are kept in a second.
const FAILURES_A_SECOND: usize = 20;

/// The watch over one plugin's calls.
pub struct Watch {
    pub failures: Shelf,
    pub recordings: Shelf,
    writer: SyncSender<Job>,
    /// Somebody wants calls that did not fail. Nearly always false, and then a call
    /// takes no lock.
    active: AtomicBool,
    wanted: Mutex<Option<WantedCalls>>,
    shadow: ArcSwapOption<Shadow>,
    /// The second that failures are counted in, and how many it has had.
    second: Mutex<(Instant, usize)>,
    /// The last id, in microseconds since 1970.
    last: AtomicU64,
    dropped_total: Counter,
}

/// Calls that are still to be kept.
struct WantedCalls {
    left: usize,
    /// Those of this endpoint; none for all.
    endpoint: Option<String>,
}

/// A comparison on live traffic: where calls are mirrored to.
pub struct Shadow {
    pub calls: mpsc::Sender<Mirrored>,
    /// Calls that are still wanted.
    pub left: AtomicU64,
    /// Calls that found the queue full.
    pub dropped: AtomicU64,
}

/// A call that was made, with what became of it.
pub struct Mirrored {
    pub cx: CallContext,
    pub input: Input,
    pub given: Given,
    pub outcome: Result<Output, HookError>,
    /// As fixtures show them.
    pub effects: Vec<Value>,
    pub took: Duration,
}

impl Watch {
    pub(super) fn new(
        plugin: &str,
        failures: Shelf,
        recordings: Shelf,
        writer: SyncSender<Job>,
    ) -> Self {
        Self {
            failures,
            recordings,
            writer,
            active: AtomicBool::new(false),
            wanted: Mutex::default(),
            shadow: ArcSwapOption::empty(),
            second: Mutex::new((Instant::now(), 0)),
            last: AtomicU64::new(0),
            dropped_total: metrics::counter!(
                "hookcast_plugin_fixtures_dropped_total", "plugin" => plugin.to_owned()
            ),
        }
    }

    /// Whether a call that has failed now is to be kept: no more than
    /// [`FAILURES_A_SECOND`], or a plugin that fails all the time would have the disk of
    /// everybody written to for nothing.
    pub fn takes_failure(&self, now: Instant) -> bool {
        if !self.failures.is_open() {
            return false;
        }
        let mut second = self.second.lock();
        if now.saturating_duration_since(second.0) >= Duration::from_secs(1) {
            *second = (now, 0);
        }
        second.1 += 1;
        let takes = second.1 <= FAILURES_A_SECOND;
        if !takes {
            self.dropped_total.increment(1);
        }
        takes
    }

    /// Keeps a failed call; gives its id unless it can't be kept.
    pub fn failed(&self, fixture: Fixture) -> Option<Arc<str>> {
        self.keep(&self.failures, fixture)
    }

    /// Keeps a call that was asked for.
    pub fn recorded(&self, fixture: Fixture) {
        self.keep(&self.recordings, fixture);
    }

    fn keep(&self, shelf: &Shelf, fixture: Fixture) -> Option<Arc<str>> {
        let id: Arc<str> = self.id().into();
        let job = Job {
            shelf: shelf.clone(),
            id: Arc::clone(&id),
            fixture: Box::new(fixture),
        };
        if self.writer.try_send(job).is_err() {
            self.dropped_total.increment(1);
            return None;
        }
        Some(id)
    }

    /// A new id: the time in microseconds, later than any before.
    fn id(&self) -> String {
        let now = now_micros() as u64;
        let next = |last: u64| Some(now.max(last + 1));
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let micros = now.max(last.unwrap_or(0) + 1);
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000);
        let format =
            format_description!("[year][month][day]-[hour][minute][second]-[subsecond digits:6]");
        let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        time.format(&format).unwrap_or_default()
    }

    /// Keeps the next calls whatever becomes of them, in place of an earlier request.
    pub fn record(&self, calls: usize, endpoint: Option<String>) {
        let calls = WantedCalls {
            left: calls,
            endpoint,
        };
        *self.wanted.lock() = (calls.left > 0).then_some(calls);
        self.set_active();
    }

    /// Calls that are still to be recorded.
    pub fn left(&self) -> usize {
        self.wanted.lock().as_ref().map_or(0, |wanted| wanted.left)
    }

    /// Whether calls that did not fail are wanted.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether a call on this endpoint is to be recorded; counts it if so.
    pub fn takes(&self, endpoint: &str) -> bool {
        let mut wanted = self.wanted.lock();
        let Some(calls) = wanted.as_mut() else {
            return false;
        };
        if calls
            .endpoint
            .as_deref()
            .is_some_and(|only| only != endpoint)
        {
            return false;
        }
        calls.left -= 1;
        if calls.left == 0 {
            *wanted = None;
            drop(wanted);
            self.set_active();
        }
        true
    }

    /// The comparison that runs on live traffic.
    pub fn shadow(&self) -> Option<Arc<Shadow>> {
        self.shadow.load_full()
    }

    /// Begins a comparison, unless there is one already.
    pub fn begin_shadow(&self, shadow: &Arc<Shadow>) -> bool {
        let none: Option<Arc<Shadow>> = None;
        let before = self
            .shadow
            .compare_and_swap(&none, Some(Arc::clone(shadow)));
        self.set_active();
        before.is_none()
    }

    pub fn end_shadow(&self) {
        self.shadow.store(None);
        self.set_active();
    }

    fn set_active(&self) {
        let wanted = self.wanted.lock();
        let active = wanted.is_some() || self.shadow.load().is_some();
        self.active.store(active, Ordering::Relaxed);
    }
}

impl Shadow {
    /// Takes a call that `mirror` makes, if one is still wanted and there is room. Never
    /// waits.
    pub fn take(&self, mirror: impl FnOnce() -> Mirrored) {
        let one_less = |left: u64| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        if taken.is_err() {
            return;
        }
        match self.calls.try_reserve() {
            Ok(room) => room.send(mirror()),
            Err(_) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_fails_all_the_time_is_not_written_down_all_the_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = |keep| Shelf::new(folder.path().to_owned(), keep);
        let (writer, _jobs) = std::sync::mpsc::sync_channel(1);
        let watch = Watch::new("p", shelf(3), shelf(0), writer.clone());
        let now = Instant::now();
        let taken = (0..100).filter(|_| watch.takes_failure(now)).count();
        assert_eq!(taken, FAILURES_A_SECOND);
        assert!(watch.takes_failure(now + Duration::from_secs(1)));
        let none = Watch::new("p", shelf(0), shelf(0), writer);
        assert!(!none.takes_failure(now));
    }
}
