//! Guests that run long take turns, so that they never hold every worker thread.
//!
//! A call that is over before its first tick, as nearly all are, knows nothing of this.
//! One that is still running then needs a turn to go on, gives it back at each tick and
//! queues for the next. There is one turn less than there are processors: however many
//! guests loop, one worker keeps serving everybody else.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of all guests of an engine; first come, first served.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    /// One less than the processors, at least one.
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of((processors - 1).max(1))
    }

    pub(super) fn of(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }
}

/// One instance's turn, if it has one.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    pub fn new(turns: Turns) -> Self {
        Self {
            turns,
            held: Mutex::new(None),
        }
    }

    /// Gives the turn back and waits for the next.
    pub async fn next(&self) {
        self.end();
        // tokio's own yield lets the driver run; waking oneself would starve it.
        tokio::task::yield_now().await;
        // The semaphore is never closed.
        *self.held.lock() = Arc::clone(&self.turns.0).acquire_owned().await.ok();
    }

    /// The call is over, or waits.
    pub fn end(&self) {
        drop(self.held.lock().take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_given_back_at_each_tick_and_at_the_end() {
        let turns = Turns::of(1);
        let (one, other) = (Turn::new(turns.clone()), Turn::new(turns.clone()));
        one.next().await;
        assert_eq!(turns.0.available_permits(), 0);
        // `one` can't have a second turn before `other` has had its first.
        let mut again = Box::pin(one.next());
        tokio::select! {
            biased;
            () = other.next() => {}
            () = &mut again => panic!("not its turn"),
        }
        other.end();
        again.await;
        drop(one);
        assert_eq!(turns.0.available_permits(), 1);
    }
}
