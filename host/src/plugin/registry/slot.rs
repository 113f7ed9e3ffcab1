//! One plugin's place in the registry, and the ways to it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::info::Changes;
use super::standing::{Rollback, Standing};
use crate::plugin::generation::Generation;
use crate::plugin::load::{LoadError, Step};
use crate::plugin::source::Source;
use crate::plugin::trial::ProbationRule;

/// One name.
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) current: ArcSwapOption<Generation>,
    /// Every generation that was ever current and is still held by someone, and perhaps
    /// some that are not.
    served: Mutex<Vec<Weak<Generation>>>,
    /// Why the last attempt to load failed; none when it did not.
    pub(super) failure: Mutex<Option<LoadError>>,
    pub(super) standing: Mutex<Standing>,
}

/// A way to the current generation of one plugin, without a look-up by name. Stays valid
/// through swaps; endpoints keep one for each of their plugins.
#[derive(Clone)]
pub struct PluginHandle(Arc<Slot>);

/// A plugin as an endpoint calls it.
#[derive(Clone)]
pub struct Serving {
    pub generation: Arc<Generation>,
    /// While the generation is on probation: the one before, with the same settings. What
    /// fails on the new one is judged again on this one.
    pub fallback: Option<Arc<Generation>>,
    /// It must not be called.
    pub quarantined: bool,
}

impl Slot {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            current: ArcSwapOption::empty(),
            served: Mutex::default(),
            failure: Mutex::new(None),
            standing: Mutex::default(),
        }
    }

    /// Makes a generation the current one; the one before.
    pub(super) fn serve(&self, generation: &Arc<Generation>) -> Option<Arc<Generation>> {
        let mut served = self.served.lock();
        served.retain(|old| old.strong_count() > 0 && !old.ptr_eq(&Arc::downgrade(generation)));
        served.push(Arc::downgrade(generation));
        self.current.swap(Some(Arc::clone(generation)))
    }

    /// The generations that are alive, the current one and those that the last messages
    /// still hold; oldest first.
    pub(super) fn alive(&self) -> Vec<Arc<Generation>> {
        self.served
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

impl PluginHandle {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self(slot)
    }

    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The current generation. Take it once for a message and judge all of it with that.
    /// None when the plugin never loaded or was deleted.
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.0.current.load_full()
    }

    /// The current generation, and how it stands.
    pub fn serving(&self) -> Option<Serving> {
        let generation = self.current()?;
        let standing = self.0.standing.lock();
        let running = standing.probation.as_ref().filter(|one| one.is_running());
        let previous = running.and_then(|probation| probation.previous.clone());
        Some(Serving {
            fallback: same_settings(previous, &generation),
            quarantined: standing.quarantine.is_some(),
            generation,
        })
    }
}

/// With other settings it might do what it may do no more.
fn same_settings(
    previous: Option<Arc<Generation>>,
    generation: &Generation,
) -> Option<Arc<Generation>> {
    previous.filter(|previous| previous.settings() == generation.settings())
}

/// A generation that loaded fine and is not current yet. Its name can't be reloaded by
/// anyone else until it is activated or dropped.
pub struct Candidate(Parts);

/// What a candidate is made of.
pub(super) struct Parts {
    pub(super) generation: Arc<Generation>,
    pub(super) slot: Arc<Slot>,
    pub(super) source: Source,
    /// What reading it took, in microseconds; none for an upload.
    pub(super) read: Option<u64>,
    /// The source becomes the plugin's file when it is activated.
    pub(super) becomes_file: bool,
    /// It is activated by a rollback.
    pub(super) rollback: Option<Rollback>,
    pub(super) probation: Option<ProbationRule>,
    /// Nobody else loads the name while it is held.
    pub(super) _loading: OwnedMutexGuard<()>,
}

impl Candidate {
    pub(super) fn new(
        generation: Generation,
        slot: Arc<Slot>,
        loading: OwnedMutexGuard<()>,
        source: Source,
    ) -> Self {
        Self(Parts {
            generation: Arc::new(generation),
            slot,
            source,
            read: None,
            becomes_file: false,
            rollback: None,
            probation: None,
            _loading: loading,
        })
    }

    /// The same, read from disk in this time.
    pub(super) fn read_in(mut self, took: Duration) -> Self {
        self.0.read = Some(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self
    }

    /// What its load took so far, in microseconds by step.
    pub fn steps(&self) -> Vec<(Step, u64)> {
        let read = self.0.read.map(|took| (Step::Read, took));
        let loaded = self.0.generation.report().steps.iter().copied();
        read.into_iter().chain(loaded).collect()
    }

    /// The same, to become the file of its name.
    pub(super) fn uploaded(mut self) -> Self {
        self.0.becomes_file = true;
        self
    }

    /// The same, as a rollback.
    pub(super) fn rolling_back(mut self, reason: &str) -> Self {
        let from = self.0.slot.current.load().as_ref().map(|one| one.number());
        let to = self.0.generation.number();
        self.0.rollback = Some(Rollback::now(from.unwrap_or(0), to, reason));
        self.uploaded()
    }

    /// Begins a probation when it is activated, unless it is the file that serves already
    /// and is known to work. True if so.
    pub fn on_probation(&mut self, rule: ProbationRule) -> bool {
        let trusted = self.trusted();
        let known = trusted.is_some_and(|one| one.digest() == self.0.generation.digest());
        let begins = !known && !rule.time.is_zero();
        self.0.probation = begins.then_some(rule);
        begins
    }

    pub(super) fn into_parts(self) -> Parts {
        self.0
    }

    pub fn generation(&self) -> &Arc<Generation> {
        &self.0.generation
    }

    /// What activating it would change.
    pub fn changes(&self) -> Changes {
        Changes::between(self.0.slot.current.load().as_deref(), &self.0.generation)
    }

    /// How it would serve.
    pub fn serving(&self) -> Serving {
        let trusted = self.0.probation.and_then(|_| self.trusted());
        Serving {
            generation: Arc::clone(&self.0.generation),
            fallback: same_settings(trusted, &self.0.generation),
            quarantined: false,
        }
    }

    fn trusted(&self) -> Option<Arc<Generation>> {
        let current = self.0.slot.current.load_full();
        let digest = self.0.generation.digest();
        self.0.slot.standing.lock().trusted(current, digest)
    }
}
