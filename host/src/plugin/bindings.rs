//! Rust types and linker functions generated from `wit/`, world `plugin-with-self-test`.
//!
//! Exports are optional: nothing here instantiates the whole world. `instance` takes
//! each interface's `GuestIndices` on its own, for the hooks a plugin exports.
#![allow(clippy::all, unused_variables, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "plugin-with-self-test",
    // Only `rows` and key-value wait for something (the database); an async import costs
    // twice as much as a plain one, so the others stay plain.
    imports: {
        "hookcast:plugin/rows": async,
        "hookcast:plugin/kv": async,
        "wasi:keyvalue/store.[method]bucket.get": async,
        "wasi:keyvalue/store.[method]bucket.set": async,
        "wasi:keyvalue/store.[method]bucket.exists": async,
        "wasi:keyvalue/store.[method]bucket.list-keys": async,
        "wasi:keyvalue/atomics": async,
        "wasi:keyvalue/batch": async,
    },
    with: { "wasi:keyvalue/store.bucket": crate::plugin::imports::keyvalue::Bucket },
    exports: { default: async },
    // The call record is lowered from borrowed strings: nothing is copied twice.
    ownership: Borrowing { duplicate_if_necessary: false },
});
