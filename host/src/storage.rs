//! Where logs and tables are kept.
//!
//! Writes go through an [`Appender`](crate::log::sequencer::Appender) on the
//! sequencer's thread; reads go through a pool and never wait for a write.

pub mod memory;
pub mod sqlite;
