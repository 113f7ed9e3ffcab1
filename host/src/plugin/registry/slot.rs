//! One plugin's place in the registry, and the ways to it.

use std::sync::Arc;

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
            failure: Mutex::new(None),
        }
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
