//! Plugins: WebAssembly components that decide what a message becomes.
//!
//! The way of a plugin is `load` (bytes to a checked [`Generation`]), `registry` (which
//! generation of a name is current) and `call` (one hook on one instance). Everything a
//! guest can reach is defined in `imports`; everything it may use up is bounded in
//! `limits`, enforced in `engine`, `state`, `deadline` and `log`, and counted in `meter`
//! and `statistics`.
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
mod exposition;
mod fixture;
mod generation;
mod grant;
mod histogram;
mod hook;
mod imports;
mod inspect;
mod instance;
mod limits;
mod load;
mod log;
mod meter;
mod permits;
mod pool;
mod recorder;
mod registry;
mod rehearsal;
mod script;
mod settings;
mod source;
mod state;
mod statistics;
mod surroundings;
mod tape;
mod ticker;
mod trap;
mod trial;
mod turns;
mod whole_file;

pub use archive::{Archive, Entry, Outcome};
pub use cache::CompileCache;
pub use call::{Acceptance, Arg, CallContext, Cause, Input, Output, Refusal, User};
pub use compile::{CompileFailure, CompileOrder, Compiler, compile_exit, compile_here};
pub use engine::{Engine, EngineError, EngineSettings, wasmtime_config};
pub use error::{HookError, Place};
pub use fixture::{
    Expect, Fixture, FixtureError, Measured, Ran, Scene, Wanted, measure, run, shown_effects,
};
pub use generation::{Generation, Handler};
pub use grant::{Grant, NoGrant};
pub use histogram::Latency;
pub use hook::Hook;
pub use imports::http::{Destination, Network};
pub use limits::{Limit, Limits, Unit};
pub use load::{LoadError, LoadReport, MissingGrant, Step, check_name, interfaces, load_alone};
pub use log::{LogBook, LogLine};
pub use meter::LimitFigures;
pub use recorder::{Mirrored, RECORDINGS, Recorder, Shadow, Shelf, Watch};
pub use registry::{
    Activated, Candidate, Changes, Failing, Failure, FileRestored, GenerationInfo, PluginHandle,
    PluginInfo, Plugins, Probation, ProbationState, RegistryError, Rollback, Serving,
};
pub use rehearsal::Rehearsal;
pub use settings::{Isolation, PluginSettings};
pub use source::{ONE_FILE, file_of, files_of, plugin_of};
pub use statistics::HookFigures;
pub use surroundings::{HostError, KeyPage, Surroundings};
pub use trial::{ProbationRule, Totals, Trial};

#[cfg(test)]
mod tests;
