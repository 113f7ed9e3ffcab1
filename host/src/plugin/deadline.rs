//! How long a guest may run: its epoch deadline and its wall cap.
//!
//! The time a guest *ran* is what passed while its future was being polled, which the
//! epoch callback ends at each tick. Waiting in a host function or for a worker thread
//! does not count, nor does a poll count for much more than a tick: the rest is time in
//! which the system did not run the thread. So neither a slow database nor a busy
//! machine is the plugin's fault; the wall cap bounds those.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wasmtime::UpdateDeadline;

use super::ticker::Pulse;
use super::turns::{Turn, Turns};

/// Most that one poll counts for: two ticks, because a tick may come late.
const MOST_OF_A_POLL: Duration = Duration::from_millis(2);

/// The clock of one instance. Shared by the task that polls the guest and by the epoch
/// callback inside it, which run on the same thread at any time.
#[derive(Debug)]
pub struct RunClock {
    /// Keeps the epoch moving while the guest runs.
    pulse: Arc<Pulse>,
    /// Needed from the first tick on.
    turn: Turn,
    base: Instant,
    /// Nanoseconds ran by the polls that are over.
    ran: AtomicU64,
    /// When the first poll of the call began, in nanoseconds since `base`.
    started: AtomicU64,
    /// When the current poll began, likewise.
    resumed: AtomicU64,
    /// When the last poll ended, likewise.
    paused: AtomicU64,
    /// Nanoseconds the call may run.
    deadline: AtomicU64,
}

/// The guest ran past its deadline. Raised as a trap by the epoch callback.
#[derive(Debug, thiserror::Error)]
#[error("ran past its deadline")]
pub struct DeadlineReached;

/// The call took longer than its wall cap, waiting included.
#[derive(Debug)]
pub struct WallReached;

impl RunClock {
    pub fn new(pulse: Arc<Pulse>, turns: Turns) -> Self {
        Self {
            pulse,
            turn: Turn::new(turns),
            base: Instant::now(),
            ran: AtomicU64::new(0),
            started: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            paused: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
        }
    }

    /// Time the last call took from its start to its end, waiting included.
    pub fn took(&self) -> Duration {
        let (started, paused) = (&self.started, &self.paused);
        let nanos = paused
            .load(Ordering::Relaxed)
            .saturating_sub(started.load(Ordering::Relaxed));
        Duration::from_nanos(nanos)
    }

    /// Time the guest of the last call ran.
    pub fn ran(&self) -> Duration {
        Duration::from_nanos(self.ran.load(Ordering::Relaxed))
    }

    /// When the last call ended.
    pub fn ended(&self) -> Instant {
        self.base + Duration::from_nanos(self.paused.load(Ordering::Relaxed))
    }

    fn start(&self, deadline: Duration) {
        let now = self.now();
        self.ran.store(0, Ordering::Relaxed);
        self.deadline.store(nanos(deadline), Ordering::Relaxed);
        self.started.store(now, Ordering::Relaxed);
        self.resumed.store(now, Ordering::Relaxed);
    }

    fn resume(&self) {
        self.resumed.store(self.now(), Ordering::Relaxed);
    }

    fn pause(&self) {
        let now = self.now();
        let poll = self.poll_time(now);
        // No other thread adds: a load and a store are cheaper than `fetch_add`.
        self.ran
            .store(self.ran.load(Ordering::Relaxed) + poll, Ordering::Relaxed);
        self.paused.store(now, Ordering::Relaxed);
    }

    /// What the current poll counts for.
    fn poll_time(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.resumed.load(Ordering::Relaxed));
        passed.min(nanos(MOST_OF_A_POLL))
    }

    fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    /// What the epoch callback does: end the guest at its deadline, else let others have
    /// a turn.
    pub fn tick(self: &Arc<Self>) -> wasmtime::Result<UpdateDeadline> {
        let poll = self.poll_time(self.now());
        let ran = self.ran.load(Ordering::Relaxed) + poll;
        if ran >= self.deadline.load(Ordering::Relaxed) {
            return Err(DeadlineReached.into());
        }
        let clock = Arc::clone(self);
        let next_turn = async move { clock.turn.next().await };
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(next_turn)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs a guest's future under its deadline and wall cap. On the wall cap the future is
/// dropped, which leaves its store unusable.
pub async fn within<F: Future>(
    clock: &Arc<RunClock>,
    deadline: Duration,
    wall: Duration,
    guest: F,
) -> Result<F::Output, WallReached> {
    let mut guest = pin!(guest);
    // A timer is only made when the guest did not return at its first poll, which nearly
    // all calls do.
    let mut cap: Option<Pin<Box<Sleep>>> = None;
    let _beat = clock.pulse.beat();
    clock.start(deadline);
    poll_fn(move |cx| {
        if cap.is_some() {
            clock.resume();
        }
        let polled = guest.as_mut().poll(cx);
        clock.pause();
        // Over, or waiting in a host function: a guest that sleeps needs no turn.
        clock.turn.end();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        let cap = cap
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(wall.saturating_sub(clock.took()))));
        cap.as_mut().poll(cx).map(|()| Err(WallReached))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_guest_that_waits_leaves_its_turn_to_others() {
        let turns = Turns::of(1);
        let clock = RunClock::new(Arc::default(), turns.clone());
        let other = Turn::new(turns);
        let clock = Arc::new(clock);
        let sleeps = async {
            clock.turn.next().await;
            std::future::pending::<()>().await;
        };
        let (deadline, wall) = (Duration::from_secs(1), Duration::from_secs(5));
        tokio::select! {
            biased;
            _ = within(&clock, deadline, wall, sleeps) => panic!("it kept its turn to its end"),
            () = async {
                // Behind the one that sleeps.
                tokio::task::yield_now().await;
                other.next().await;
            } => {}
        }
    }
}
