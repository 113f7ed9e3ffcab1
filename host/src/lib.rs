//! Hookcast: a publish-subscribe server whose logic is plugged in as sandboxed
//! WebAssembly components. ARCHITECTURE.md says which file does what.

pub mod effects;
pub mod id;
pub mod plugin;
pub mod rejection;
pub mod row;
