//! SQLite: one file, one process, one writer.
//!
//! Reads and schema changes use sqlx; the append path uses rusqlite with prepared
//! statements on the sequencer's own thread, because sqlx's SQLite driver hops to a
//! thread for every statement: measured by `cargo xtask bench append`, rusqlite needs
//! half to two thirds of the CPU of the best set-based sqlx form at every group size.

pub mod append;
pub mod keyvalue;
pub mod open;
pub mod outbox;
mod pass;
pub mod read;
pub mod retention;
pub mod schema;
mod select;
mod selected;
mod sql;
mod statements;
