//! The plugin host against real guests: `tests/components` and `plugins`, built by
//! `cargo xtask guests`.

mod calls;
mod compile;
mod effects;
mod exposition;
mod figures;
mod fixtures;
mod hostile;
mod limits;
mod loading;
mod malformed;
mod reload;
#[cfg(javascript_runtime)]
mod scripts;
mod support;
