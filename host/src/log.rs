//! The log: an append-only sequence of events for each endpoint.
//!
//! ```text
//! submission ─▶ sequencer (one writer per database, group commit) ─▶ ring ─▶ deliver
//!                   └▶ appender: one transaction for the whole group
//! ```
//!
//! Offsets are gapless (1, 2, 3 …) and assigned inside the transaction. An event is in
//! the ring, and thereby visible, only after its transaction is committed (promise P1).

pub mod appender;
pub mod endpoint_log;
pub mod event;
pub mod lane;
pub mod position;
mod publish;
pub mod reader;
pub mod ring;
pub mod sequencer;
pub mod submission;

pub use endpoint_log::EndpointLog;
pub use event::{Audience, Event, Method};
pub use lane::Lane;
pub use position::{Incarnation, Position};
pub use reader::LogReader;
pub use ring::Ring;
pub use submission::{Draft, Part, Source, Submission};
