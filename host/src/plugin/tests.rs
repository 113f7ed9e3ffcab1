//! The plugin host against real guests: `tests/components` and `plugins`, built by
//! `cargo xtask guests`.

mod calls;
mod effects;
mod exposition;
mod hostile;
mod limits;
mod loading;
mod reload;
mod speed;
mod support;
