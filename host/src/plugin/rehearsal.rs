//! Calls that are not meant: a comparison's. They are neither counted nor recorded, and what
//! they want done is looked at and thrown away.

use std::time::Duration;

use parking_lot::Mutex;

use super::error::HookError;
use super::hook::Hook;
use super::tape::{Notes, Seed};

/// What the calls of one message in a comparison have in common.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// What each of them is given, so that two generations see the same.
    script: Notes,
    /// Generation, hook and time of each call.
    calls: Mutex<Vec<(u64, Hook, Duration)>>,
    /// What the operator would be told of the first that failed.
    failure: Mutex<Option<String>>,
}

impl Rehearsal {
    /// At a time, in microseconds since 1970, with random numbers that follow from it.
    pub fn at(time: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&time.to_le_bytes());
        let script = Notes {
            seed: Some(Seed(seed)),
            wall: vec![time.saturating_mul(1_000)],
            ..Notes::default()
        };
        Self::with(script)
    }

    /// With what a real call was given, but for answers: those are asked for anew.
    pub fn with(script: Notes) -> Self {
        let script = Notes {
            answers: Vec::new(),
            ..script
        };
        Self {
            script,
            calls: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    pub(super) fn script(&self) -> Notes {
        self.script.clone()
    }

    pub(super) fn note(&self, generation: u64, hook: Hook, took: Duration) {
        self.calls.lock().push((generation, hook, took));
    }

    pub(super) fn failed(&self, error: &HookError) {
        self.failure.lock().get_or_insert_with(|| error.to_string());
    }

    /// Why the first call that failed did so; none when none failed.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// The calls so far: generation, hook and time of each.
    pub fn calls(&self) -> Vec<(u64, Hook, Duration)> {
        self.calls.lock().clone()
    }
}
