//! What the last call of a message was, until its output has proved usable.
//!
//! That an output is no JSON object is seen only when the judge reads it. By then the
//! instance serves another message; the trail still has what a recording needs.

use parking_lot::Mutex;

use super::input::Input;
use crate::plugin::fixture::Given;

/// The trail of one message. Clones begin anew.
#[derive(Default)]
pub struct Trail(Mutex<Last>);

#[derive(Default)]
struct Last {
    input: Option<Input>,
    given: Option<Given>,
}

impl Trail {
    /// A call has returned.
    pub(super) fn output(&self, given: Given) {
        *self.0.lock() = Last {
            input: None,
            given: Some(given),
        };
    }

    /// What it was called with.
    pub(super) fn input(&self, input: Input) {
        self.0.lock().input = Some(input);
    }

    /// The last call, if it returned.
    pub(super) fn take(&self) -> Option<(Input, Given)> {
        let mut last = self.0.lock();
        last.input.take().zip(last.given.take())
    }
}

impl Clone for Trail {
    fn clone(&self) -> Self {
        Self::default()
    }
}
