//! One instance of a plugin: a store with a component in it, serving one call at a time.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Instance as Linked, InstancePre};

use super::bindings::exports::hookcast::plugin::{
    close, connect, defaults, describe, handlers, modify, open, prepare, self_test,
};
use super::engine::Slots;
use super::fixture::Given;
use super::hook::Hook;
use super::state::State;
use super::tape::Notes;

/// A warm guest. One store holds one instance, because a trap leaves the whole store
/// unusable; both are dropped then.
pub struct Instance {
    // Fields drop in order: the room in the pool is given back after the store is gone.
    pub store: Store<State>,
    pub guest: Guest,
    /// Calls served so far.
    pub calls: u32,
    /// Hooks called so far.
    pub served: u32,
    /// What its making was given.
    pub made_with: Arc<Notes>,
    _slots: Slots,
}

impl Instance {
    pub fn new(store: Store<State>, guest: Guest, made_with: Notes, slots: Slots) -> Self {
        Self {
            store,
            guest,
            calls: 0,
            served: 0,
            made_with: Arc::new(made_with),
            _slots: slots,
        }
    }

    /// What its last call was given, for a recording. To be taken once.
    pub fn given(&self) -> Given {
        Given {
            notes: self.store.data().tape.take(),
            made_with: Arc::clone(&self.made_with),
            served: self.served - 1,
        }
    }
}

/// Where in the component the exported hooks are, looked up once for a generation.
#[derive(Clone)]
pub struct Exports {
    describe: describe::GuestIndices,
    connect: Option<connect::GuestIndices>,
    open: Option<open::GuestIndices>,
    defaults: Option<defaults::GuestIndices>,
    prepare: Option<prepare::GuestIndices>,
    modify: Option<modify::GuestIndices>,
    handlers: Option<handlers::GuestIndices>,
    close: Option<close::GuestIndices>,
    self_test: Option<self_test::GuestIndices>,
}

/// The exported hooks of one instance.
pub struct Guest {
    pub describe: describe::Guest,
    pub connect: Option<connect::Guest>,
    pub open: Option<open::Guest>,
    pub defaults: Option<defaults::Guest>,
    pub prepare: Option<prepare::Guest>,
    pub modify: Option<modify::Guest>,
    pub handlers: Option<handlers::Guest>,
    pub close: Option<close::Guest>,
    pub self_test: Option<self_test::Guest>,
}

impl Exports {
    /// Looks up the hooks in `exported`, and the self-test if there is one.
    pub fn find(
        pre: &InstancePre<State>,
        exported: &[Hook],
        self_test: bool,
    ) -> wasmtime::Result<Self> {
        // Each hook has types of its own, generated with the same functions.
        macro_rules! find {
            ($hook:ident, $module:ident) => {
                exported
                    .contains(&Hook::$hook)
                    .then(|| $module::GuestIndices::new(pre))
                    .transpose()?
            };
        }
        Ok(Self {
            describe: describe::GuestIndices::new(pre)?,
            connect: find!(Connect, connect),
            open: find!(Open, open),
            defaults: find!(Defaults, defaults),
            prepare: find!(Prepare, prepare),
            modify: find!(Modify, modify),
            handlers: find!(Handlers, handlers),
            close: find!(Close, close),
            self_test: self_test
                .then(|| self_test::GuestIndices::new(pre))
                .transpose()?,
        })
    }

    pub fn has_self_test(&self) -> bool {
        self.self_test.is_some()
    }

    /// Finds the hooks in a new instance; an error when one has another type than in
    /// `wit/`.
    pub fn load(&self, store: &mut Store<State>, instance: &Linked) -> wasmtime::Result<Guest> {
        macro_rules! load {
            ($hook:ident) => {
                self.$hook
                    .as_ref()
                    .map(|found| found.load(&mut *store, instance))
                    .transpose()?
            };
        }
        Ok(Guest {
            describe: self.describe.load(&mut *store, instance)?,
            connect: load!(connect),
            open: load!(open),
            defaults: load!(defaults),
            prepare: load!(prepare),
            modify: load!(modify),
            handlers: load!(handlers),
            close: load!(close),
            self_test: load!(self_test),
        })
    }
}
