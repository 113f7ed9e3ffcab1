//! What `wit-bindgen` makes of `wit/`: the layer below the SDK.
//!
//! A component must export only the hooks it implements, or the host would call the
//! others for nothing. So there is one module for each hook's world, whose `export!`
//! can be left out, and one for the imports and types that all of them share.
//!
//! Plugins need this module only for what the typed layer can't say.

/// Host functions and the types shared by all hooks.
#[allow(missing_docs, clippy::all, reason = "generated code")]
pub mod imports {
    wit_bindgen::generate!({
        path: "../wit",
        world: "imports",
        generate_all,
        additional_type_attributes: {
            "hookcast:plugin/types@0.1.1/call": [#[derive(Default, PartialEq)]],
            "hookcast:plugin/types@0.1.1/arg": [#[derive(PartialEq)]],
            "hookcast:plugin/types@0.1.1/rejection": [#[derive(PartialEq)]],
        },
    });
}

/// `wasi:http`. A module of its own, as only few plugins import it.
#[allow(missing_docs, clippy::all, reason = "generated code")]
pub mod http {
    wit_bindgen::generate!({
        path: "../wit",
        world: "imports-http",
        generate_all,
    });
}

macro_rules! hook {
    ($hook:ident, $world:literal) => {
        #[doc = concat!("The world `", $world, "`: its `Guest` trait and its `export!`.")]
        #[allow(missing_docs, clippy::all, reason = "generated code")]
        pub mod $hook {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                pub_export_macro: true,
                with: {
                    "hookcast:plugin/types@0.1.1": crate::bindings::imports::hookcast::plugin::types,
                    "hookcast:plugin/context@0.1.1": crate::bindings::imports::hookcast::plugin::context,
                    "hookcast:plugin/messaging@0.1.1": crate::bindings::imports::hookcast::plugin::messaging,
                    "hookcast:plugin/groups@0.1.1": crate::bindings::imports::hookcast::plugin::groups,
                    "hookcast:plugin/rows@0.1.1": crate::bindings::imports::hookcast::plugin::rows,
                    "hookcast:plugin/kv@0.1.1": crate::bindings::imports::hookcast::plugin::kv,
                    "hookcast:plugin/alerts@0.1.1": crate::bindings::imports::hookcast::plugin::alerts,
                    "wasi:keyvalue/store@0.2.0-draft": crate::bindings::imports::wasi::keyvalue::store,
                    "wasi:keyvalue/atomics@0.2.0-draft": crate::bindings::imports::wasi::keyvalue::atomics,
                    "wasi:keyvalue/batch@0.2.0-draft": crate::bindings::imports::wasi::keyvalue::batch,
                    "wasi:logging/logging@0.1.0-draft": crate::bindings::imports::wasi::logging::logging,
                    "wasi:config/store@0.2.0-rc.1": crate::bindings::imports::wasi::config::store,
                },
            });
            pub use exports::hookcast::plugin::$hook::*;
        }
    };
}

hook!(describe, "describe-hook");
hook!(connect, "connect-hook");
hook!(open, "open-hook");
hook!(defaults, "defaults-hook");
hook!(prepare, "prepare-hook");
hook!(modify, "modify-hook");
hook!(handlers, "handlers-hook");
hook!(close, "close-hook");
hook!(self_test, "self-test-exports");
