//! Write Hookcast plugins in Rust.
//!
//! A plugin is a type that implements a trait for each hook it wants and lists them in
//! [`export!`]. What is not listed is not exported, and the host never calls it.
//!
//! ```
//! use hookcast_guest::{Call, Json, Prepare, Result, export, reject};
//!
//! struct Chat;
//!
//! impl Prepare for Chat {
//!     type Message = Json;
//!
//!     fn prepare(_call: &Call, mut message: Json) -> Result<Option<Json>> {
//!         let Some(body) = message["body"].as_str().map(str::trim) else {
//!             return reject("empty_body", "Write something first.");
//!         };
//!         message["body"] = body.into();
//!         Ok(Some(message))
//!     }
//! }
//!
//! export!(Chat: prepare);
//! ```
//!
//! The crate is a `cdylib`, built with `cargo build --release --target wasm32-wasip2`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//! ```
//!
//! Instead of [`Json`] a hook may take any type that serde can read and write. Such a
//! type drops the keys it doesn't name, unless it collects them:
//! `#[serde(flatten)] rest: serde_json::Map<String, Json>`.
//!
//! Hooks can be unit tested on the developer's machine as long as they call no host
//! function other than [`log`](fn@log): outside WebAssembly the others panic.
//!
//! A panic is logged at error level with its file and line; then the call fails and
//! leaves no trace.

#![warn(missing_docs)]

pub mod alerts;
mod args;
pub mod bindings;
pub mod config;
pub mod context;
mod export;
pub mod groups;
mod hooks;
mod host_error;
pub mod http;
mod json;
pub mod kv;
mod log;
pub mod messaging;
mod panic;
mod rejection;
pub mod rows;

pub use args::Args;
pub use bindings::close::Cause;
pub use bindings::imports::hookcast::plugin::types::Call;
pub use hooks::close::Close;
pub use hooks::connect::{Acceptance, Connect, Refusal, User};
pub use hooks::defaults::Defaults;
pub use hooks::handlers::Handler;
pub use hooks::modify::{Modify, Stored};
pub use hooks::open::Open;
pub use hooks::prepare::Prepare;
pub use hooks::self_test::{Fixture, SelfTest};
pub use host_error::HostError;
pub use log::{Level, log};
pub use panic::install_panic_hook;
pub use rejection::{Rejection, Result, reject};
pub use serde_json::{Value as Json, json};

// For plugins that define message types, so that they agree with the SDK on the version.
pub use {serde, serde_json};

/// What [`export!`] expands to; not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::hooks::Exports;
    pub use crate::hooks::describe::Plugin;
    pub use crate::hooks::handlers::{Handlers, MessageType, answer, no_two_alike, unknown};
}

/// The plugin on the project's first page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
