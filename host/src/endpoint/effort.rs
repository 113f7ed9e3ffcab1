//! How much processor time an endpoint's work takes, and where it is done because of that.
//!
//! Hooks that loop, trap or only do much would fill the queues of the threads that serve
//! everybody. So an endpoint that takes more than its part of the machine is served in the
//! background until it takes less, unless it is alone and disturbs nobody. On an idle
//! machine it is as fast there; on a busy one it is the one that causes the load that
//! waits.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::Endpoint;

/// Processor time past that part that is forgiven.
const FORGIVEN: Duration = Duration::from_millis(10);
/// Most that is remembered: how long an endpoint stays in the background after it has
/// become calm.
const REMEMBERED: Duration = Duration::from_secs(1);
/// How much is taken between two looks at the clock and the balance.
const STRIDE: Duration = Duration::from_millis(2);
/// Most that one poll counts for. The rest is time in which the system did not run the
/// thread.
const MOST_OF_A_POLL: Duration = Duration::from_millis(10);

/// The meter of one endpoint.
pub struct Effort {
    /// Seconds of processor time that may be taken in a second.
    allowed: f64,
    /// Nanoseconds taken since the last look.
    taken: AtomicU64,
    /// It takes more than its part.
    excessive: AtomicBool,
    balance: Mutex<Balance>,
}

/// What was taken and not yet made good by the time that passed.
struct Balance {
    debt: Duration,
    at: Instant,
}

impl Endpoint {
    /// The threads that are to do its work, while these are not those of everybody.
    fn in_background(&self) -> Option<&Handle> {
        let moves = self.effort.is_excessive(Instant::now())
            && self.directory.others_are_connected(&self.name);
        moves.then(|| self.background.handle()).flatten()
    }

    /// Whether its work is done in the background now.
    pub fn is_in_background(&self) -> bool {
        self.in_background().is_some()
    }
}

/// A piece of an endpoint's work. Polled, it is done here, or in the background from the
/// moment the endpoint takes too much. Dropped, it ends.
pub struct Work<T = ()> {
    endpoint: Arc<Endpoint>,
    /// While it is done here.
    here: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    moved: Option<AbortOnDropHandle<T>>,
}

impl<T: Send + 'static> Work<T> {
    pub fn new(endpoint: &Arc<Endpoint>, task: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            here: Some(Box::pin(task)),
            moved: None,
        }
    }
}

impl<T: Send + 'static> Future for Work<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self {
            endpoint,
            here,
            moved,
        } = &mut *self;
        let mut background = endpoint.in_background();
        if let (None, Some(task)) = (background, &mut *here) {
            let polled = endpoint.effort.measure(|| task.as_mut().poll(cx));
            if polled.is_ready() {
                return polled;
            }
            background = endpoint.in_background();
        }
        if let Some(background) = background
            && let Some(mut task) = here.take()
        {
            let endpoint = Arc::clone(endpoint);
            let task = poll_fn(move |cx| endpoint.effort.measure(|| task.as_mut().poll(cx)));
            let task = background.spawn(task.in_current_span());
            *moved = Some(AbortOnDropHandle::new(task));
        }
        match moved {
            None => Poll::Pending,
            Some(moved) => match ready!(Pin::new(moved).poll(cx)) {
                Ok(output) => Poll::Ready(output),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The server stops, and with it whoever waits for this.
                    Err(_) => Poll::Pending,
                },
            },
        }
    }
}

impl Effort {
    /// With the processor time, in seconds, that may be taken in a second.
    pub fn new(allowed: f64) -> Self {
        Self {
            allowed,
            taken: AtomicU64::new(0),
            excessive: AtomicBool::new(false),
            balance: Mutex::new(Balance {
                debt: Duration::ZERO,
                at: Instant::now(),
            }),
        }
    }

    fn is_excessive(&self, now: Instant) -> bool {
        if self.excessive.load(Ordering::Relaxed) {
            // It may have been calm since.
            self.settle(now);
        }
        self.excessive.load(Ordering::Relaxed)
    }

    fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let output = work();
        let end = Instant::now();
        self.took(end.saturating_duration_since(start), end);
        output
    }

    fn took(&self, time: Duration, now: Instant) {
        let nanos = time.min(MOST_OF_A_POLL).as_nanos() as u64;
        let taken = self.taken.fetch_add(nanos, Ordering::Relaxed) + nanos;
        if Duration::from_nanos(taken) >= STRIDE {
            self.settle(now);
        }
    }

    /// Brings the balance up to date.
    fn settle(&self, now: Instant) {
        let mut balance = self.balance.lock();
        let taken = Duration::from_nanos(self.taken.swap(0, Ordering::Relaxed));
        let passed = now.saturating_duration_since(balance.at);
        balance.at = balance.at.max(now);
        balance.debt = (balance.debt + taken)
            .saturating_sub(passed.mul_f64(self.allowed))
            .min(FORGIVEN + REMEMBERED.mul_f64(self.allowed));
        if balance.debt > FORGIVEN {
            self.excessive.store(true, Ordering::Relaxed);
        } else if balance.debt.is_zero() {
            self.excessive.store(false, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn what_takes_more_than_its_part_is_excessive_until_it_is_calm() {
        let effort = Effort::new(1.0);
        let start = Instant::now();
        let mut now = start;
        for _ in 0..1_000 {
            now += MILLISECOND;
            effort.took(MILLISECOND * 9 / 10, now);
        }
        assert!(!effort.is_excessive(now), "within its part");
        for _ in 0..2_000 {
            now += MILLISECOND;
            effort.took(MILLISECOND * 2, now);
        }
        assert!(effort.is_excessive(now), "twice its part");
        now += REMEMBERED / 2;
        assert!(effort.is_excessive(now), "calm for a moment");
        now += REMEMBERED;
        assert!(!effort.is_excessive(now), "calm");
    }

    #[test]
    fn a_thread_that_the_system_did_not_run_took_little() {
        let effort = Effort::new(1.0);
        let now = Instant::now();
        effort.took(Duration::from_secs(1), now);
        assert!(!effort.is_excessive(now));
    }
}
