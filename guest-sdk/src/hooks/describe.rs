//! What the plugin is: written by `export!`, never by hand.

use super::Exports;
use super::handlers::MessageType;
use crate::bindings::describe::{Description, Guest, Handler};
use crate::install_panic_hook;

/// What `export!` knows of a plugin.
pub trait Plugin {
    /// Version of the plugin's own crate.
    const VERSION: &'static str;
    /// What was listed: hooks, and perhaps `self_test`.
    const HOOKS: &'static [&'static str];
    /// The message types that were listed.
    const MESSAGE_TYPES: &'static [MessageType];
}

impl<P: Plugin> Guest for Exports<P> {
    fn describe() -> Description {
        install_panic_hook();
        let handler = |declared: &MessageType| Handler {
            message_type: declared.name.to_owned(),
            schema: declared.schema.map(str::to_owned),
        };
        let hooks = P::HOOKS.iter().filter(|hook| **hook != "self_test");
        Description {
            version: P::VERSION.to_owned(),
            hooks: hooks.map(|&hook| hook.to_owned()).collect(),
            handlers: P::MESSAGE_TYPES.iter().map(handler).collect(),
        }
    }
}
