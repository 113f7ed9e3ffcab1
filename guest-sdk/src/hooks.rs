//! The hooks: for each a trait that plugins implement, and its bridge to the bindings.

pub(crate) mod close;
pub(crate) mod connect;
pub(crate) mod defaults;
pub(crate) mod describe;
pub(crate) mod handlers;
pub(crate) mod modify;
pub(crate) mod open;
pub(crate) mod prepare;
pub(crate) mod self_test;

use std::marker::PhantomData;

use crate::bindings::imports::hookcast::plugin::types;
use crate::{Rejection, Result, install_panic_hook};

/// Stands for the plugin `P` towards the bindings, whose traits it implements by way of
/// the SDK's. What [`export!`](crate::export) exports is this type.
pub struct Exports<P>(PhantomData<P>);

/// Runs a hook and translates how it ended. All hooks that can reject go through here.
fn run<T>(hook: impl FnOnce() -> Result<T>) -> Result<T, types::Rejection> {
    install_panic_hook();
    hook().map_err(Rejection::into_wire)
}
