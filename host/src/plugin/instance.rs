//! One instance of a plugin: a store with a component in it, serving one call at a time.

use wasmtime::Store;
use wasmtime::component::{Instance as Linked, InstancePre};

use super::bindings::exports::hookcast::plugin::{
    close, connect, defaults, describe, handlers, modify, open, prepare,
};
use super::engine::Slots;
use super::hook::Hook;
use super::state::State;

/// A warm guest. One store holds one instance, because a trap leaves the whole store
/// unusable; both are dropped then.
pub struct Instance {
    // Fields drop in order: the room in the pool is given back after the store is gone.
    pub store: Store<State>,
    pub guest: Guest,
    /// Calls served so far.
    pub calls: u32,
    _slots: Slots,
}

impl Instance {
    pub fn new(store: Store<State>, guest: Guest, slots: Slots) -> Self {
        Self {
            store,
            guest,
            calls: 0,
            _slots: slots,
        }
    }
}

/// Where in the component the exported hooks are, looked up once for a generation.
pub struct Exports {
    describe: describe::GuestIndices,
    connect: Option<connect::GuestIndices>,
    open: Option<open::GuestIndices>,
    defaults: Option<defaults::GuestIndices>,
    prepare: Option<prepare::GuestIndices>,
    modify: Option<modify::GuestIndices>,
    handlers: Option<handlers::GuestIndices>,
    close: Option<close::GuestIndices>,
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
}

impl Exports {
    /// Looks up the hooks in `exported`.
    pub fn find(pre: &InstancePre<State>, exported: &[Hook]) -> wasmtime::Result<Self> {
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
        })
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
        })
    }
}
