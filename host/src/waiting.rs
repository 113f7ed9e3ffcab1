//! Messages that wait while nobody can judge them: the plugin is away.
//!
//! First in, first out. What comes while the queue empties goes behind what is in it, so
//! that nothing overtakes. A queue that is not needed costs one look at a flag.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// What becomes of a message when the queue is full. Its sender is told in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The new one is refused: its sender is to try again.
    Reject,
    /// The new one is dropped.
    DropNewest,
    /// The one that waits for longest makes room.
    DropOldest,
}

/// A queue that messages pass by while it is open.
pub struct Waiting<T> {
    /// Messages go through `state`.
    closed: AtomicBool,
    state: Mutex<State<T>>,
}

struct State<T> {
    messages: VecDeque<T>,
    /// Somebody takes messages out.
    emptying: bool,
}

/// What became of a message that was offered.
#[derive(Debug, PartialEq)]
pub enum Offer<T> {
    /// The queue is open: judge it.
    Pass(T),
    Waits,
    /// It waits, and this one was dropped for it.
    Displaced(T),
    /// There is no room for it.
    Refused(T),
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                messages: VecDeque::new(),
                emptying: false,
            }),
        }
    }
}

impl<T> Waiting<T> {
    /// Offers a message. `size` is the number of messages that may wait.
    pub fn offer(&self, message: T, size: usize, when_full: WhenFull) -> Offer<T> {
        if !self.closed.load(Ordering::Acquire) {
            return Offer::Pass(message);
        }
        let mut state = self.state.lock();
        // It may have been opened meanwhile; that happens under the lock.
        if !self.closed.load(Ordering::Acquire) {
            return Offer::Pass(message);
        }
        if state.messages.len() < size {
            state.messages.push_back(message);
            return Offer::Waits;
        }
        if when_full != WhenFull::DropOldest {
            return Offer::Refused(message);
        }
        match state.messages.pop_front() {
            Some(oldest) => {
                state.messages.push_back(message);
                Offer::Displaced(oldest)
            }
            None => Offer::Refused(message),
        }
    }

    /// From now on messages wait.
    pub fn close(&self) {
        let _state = self.state.lock();
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the caller is the one to empty the queue: it is closed and nobody else
    /// does.
    pub fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let begins = self.closed.load(Ordering::Acquire) && !state.emptying;
        state.emptying |= begins;
        begins
    }

    /// The next message for who empties the queue. After the last one the queue is open.
    pub fn next(&self) -> Option<T> {
        let mut state = self.state.lock();
        let next = state.messages.pop_front();
        if next.is_none() {
            state.emptying = false;
            self.closed.store(false, Ordering::Release);
        }
        next
    }

    /// Who empties the queue can't go on: the message is first again, the queue stays
    /// closed.
    pub fn stop(&self, message: T) {
        let mut state = self.state.lock();
        state.messages.push_front(message);
        state.emptying = false;
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.state.lock().messages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks the one that waits for longest.
    pub fn oldest<A>(&self, ask: impl FnOnce(&T) -> A) -> Option<A> {
        self.state.lock().messages.front().map(ask)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_open_queue_is_passed_by() {
        let waiting = Waiting::default();
        assert_eq!(waiting.offer(1, 10, WhenFull::Reject), Offer::Pass(1));
        assert!(!waiting.begin(), "there is nothing to empty");
    }

    #[test]
    fn a_full_queue_follows_its_policy() {
        for (when_full, answer, left) in [
            (WhenFull::Reject, Offer::Refused(3), [1, 2]),
            (WhenFull::DropNewest, Offer::Refused(3), [1, 2]),
            (WhenFull::DropOldest, Offer::Displaced(1), [2, 3]),
        ] {
            let waiting = Waiting::default();
            waiting.close();
            assert_eq!(waiting.offer(1, 2, when_full), Offer::Waits);
            assert_eq!(waiting.offer(2, 2, when_full), Offer::Waits);
            assert_eq!(waiting.offer(3, 2, when_full), answer);
            assert!(waiting.begin());
            assert_eq!([waiting.next(), waiting.next()], left.map(Some));
            assert_eq!(waiting.next(), None);
            assert_eq!(waiting.offer(4, 2, when_full), Offer::Pass(4));
        }
        let none = Waiting::default();
        none.close();
        assert_eq!(none.offer(1, 0, WhenFull::DropOldest), Offer::Refused(1));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Offer,
        Close,
        Begin,
        Next,
        Stop,
    }

    proptest! {
        /// Whatever happens, nothing overtakes anything that waits.
        #[test]
        fn nothing_overtakes(steps in prop::collection::vec(
            prop_oneof![
                4 => Just(Step::Offer), 1 => Just(Step::Close), 2 => Just(Step::Begin),
                3 => Just(Step::Next), 1 => Just(Step::Stop),
            ], 1..200,
        )) {
            let waiting = Waiting::default();
            let (mut number, mut done, mut mine) = (0, Vec::new(), false);
            for step in steps {
                match step {
                    Step::Offer => {
                        number += 1;
                        match waiting.offer(number, 5, WhenFull::DropOldest) {
                            Offer::Pass(one) => done.push(one),
                            Offer::Displaced(_) | Offer::Waits => {}
                            Offer::Refused(_) => prop_assert!(false, "there is room for one"),
                        }
                    }
                    Step::Close => waiting.close(),
                    Step::Begin => mine |= waiting.begin(),
                    Step::Next if mine => match waiting.next() {
                        Some(one) => done.push(one),
                        None => mine = false,
                    },
                    Step::Stop if mine => {
                        if let Some(one) = waiting.next() {
                            waiting.stop(one);
                        }
                        mine = false;
                    }
                    Step::Next | Step::Stop => {}
                }
            }
            prop_assert!(done.is_sorted(), "{done:?}");
        }
    }
}
