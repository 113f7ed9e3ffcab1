//! Hookcast: a publish-subscribe server whose logic is plugged in as sandboxed
//! WebAssembly components. ARCHITECTURE.md says which file does what.

pub mod cli;
pub mod close_code;
pub mod config;
pub mod effects;
#[cfg(test)]
mod golden;
pub mod id;
pub mod plugin;
pub mod rejection;
pub mod row;
pub mod serve;
