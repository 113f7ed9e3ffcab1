//! Plugins: WebAssembly components that decide what a message becomes.
//!
//! The way of a plugin is `load` (bytes to a checked [`Generation`]), `registry` (which
//! generation of a name is current) and `call` (one hook on one instance). Everything a
//! guest can reach is defined in `imports`; everything it may use up is bounded in
//! `settings` and enforced in `engine`, `state`, `deadline` and `log`.
//!
//! This module knows neither connections nor storage: it reaches them through
//! [`Surroundings`], which the endpoint implements.

mod archive;
mod bindings;
mod cache;
mod call;
mod codegen;
mod compile;
mod deadline;
mod engine;
mod error;
mod generation;
mod grant;
mod hook;
mod imports;
mod inspect;
mod instance;
mod load;
mod log;
mod permits;
mod pool;
mod registry;
mod script;
mod settings;
mod source;
mod state;
mod statistics;
mod surroundings;
mod ticker;
mod trial;
mod turns;
mod whole_file;

pub use archive::{Archive, Entry, Outcome};
pub use cache::CompileCache;
pub use call::{Acceptance, Arg, CallContext, Cause, Input, Output, Refusal, User};
pub use compile::{CompileFailure, CompileOrder, Compiler, compile_exit, compile_here};
pub use engine::{Engine, EngineError, EngineSettings};
pub use error::{HookError, Place};
pub use generation::{Generation, Handler};
pub use grant::Grant;
pub use hook::Hook;
pub use load::{LoadError, LoadReport, MissingGrant, Step, check_name};
pub use log::{LogBook, LogLine};
pub use registry::{
    Activated, Candidate, Changes, Failing, Failure, FileRestored, GenerationInfo, PluginHandle,
    PluginInfo, Plugins, Probation, ProbationState, RegistryError, Rollback, Serving,
};
pub use settings::{Isolation, Limits, PluginSettings};
pub use source::{ONE_FILE, file_of, files_of, plugin_of};
pub use statistics::HookFigures;
pub use surroundings::{HostError, Surroundings};
pub use trial::{ProbationRule, Totals, Trial};

#[cfg(test)]
mod tests;
