//! One plugin's place in the registry, and the ways to it.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::info::Changes;
use crate::plugin::generation::Generation;
use crate::plugin::load::LoadError;
use crate::plugin::source::Source;

/// One name.
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) current: ArcSwapOption<Generation>,
    /// Every generation that was ever current and is still held by someone, and perhaps
    /// some that are not.
    served: Mutex<Vec<Weak<Generation>>>,
    /// Why the last attempt to load failed; none when it did not.
    pub(super) failure: Mutex<Option<LoadError>>,
}

/// A way to the current generation of one plugin, without a look-up by name. Stays valid
/// through swaps; endpoints keep one for each of their plugins.
#[derive(Clone)]
pub struct PluginHandle(Arc<Slot>);

impl Slot {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            current: ArcSwapOption::empty(),
            served: Mutex::default(),
            failure: Mutex::new(None),
        }
    }

    /// Makes a generation the current one.
    pub(super) fn serve(&self, generation: &Arc<Generation>) {
        let mut served = self.served.lock();
        served.retain(|old| old.strong_count() > 0 && !old.ptr_eq(&Arc::downgrade(generation)));
        served.push(Arc::downgrade(generation));
        self.current.store(Some(Arc::clone(generation)));
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
}

/// A generation that loaded fine and is not current yet. Its name can't be reloaded by
/// anyone else until it is activated or dropped.
pub struct Candidate(Parts);

/// What a candidate is made of.
pub(super) struct Parts {
    pub(super) generation: Arc<Generation>,
    pub(super) slot: Arc<Slot>,
    /// An upload, written to the folder when it is activated.
    pub(super) upload: Option<Source>,
    /// Nobody else loads the name while it is held.
    pub(super) _loading: OwnedMutexGuard<()>,
}

impl Candidate {
    pub(super) fn new(
        generation: Generation,
        slot: Arc<Slot>,
        loading: OwnedMutexGuard<()>,
    ) -> Self {
        Self(Parts {
            generation: Arc::new(generation),
            slot,
            upload: None,
            _loading: loading,
        })
    }

    /// The same, to become the file of its name.
    pub(super) fn uploaded(mut self, source: Source) -> Self {
        self.0.upload = Some(source);
        self
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
}
