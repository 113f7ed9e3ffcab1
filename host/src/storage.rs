//! Where logs and tables are kept.
//!
//! Writes go through an [`Appender`](crate::log::appender::Appender) on the
//! sequencer's thread; reads go through a pool and never wait for a write. What the rest
//! of the server has of a database is [`Database`], [`Reader`] and [`Outbox`]; which kind
//! of database it is, only this folder knows.

mod database;
mod entry;
mod existing;
pub mod memory;
mod numbers;
mod outbox;
mod reader;
pub mod server;
pub mod sqlite;
mod stored;

pub use database::{Database, OpenedLog, Retention};
pub use entry::Entry;
pub use numbers::{Next, Numbers};
pub use outbox::Outbox;
pub use reader::{History, HistoryLimits, Reader};
