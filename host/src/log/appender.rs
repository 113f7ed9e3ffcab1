//! Writing groups of judged messages: what each kind of storage implements.

use super::submission::{Receipt, Submission};
use crate::rejection::Rejection;

/// How safe a commit is before anyone is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// In memory only; gone with the process.
    Ephemeral,
    /// Survives a crash of the process, not of the machine.
    Process,
    /// Synced to disk.
    Full,
}

/// What became of one submission of a group.
pub enum Verdict {
    /// Committed; its events have this offset and the following ones.
    Written { first: u64 },
    /// Its `_msg_id` was committed before; its sender was told this.
    Repeat(Receipt),
    /// What it was judged on has changed: judge it anew.
    Conflict,
    /// It stands behind one that must be judged anew.
    Behind,
    /// It will never be written.
    Refused(Rejection),
}

/// Writes groups of submissions; one implementation for each kind of storage.
///
/// The contract: all submissions with `Verdict::Written` are in one transaction that is
/// as durable as the strictest member's endpoint asks when `append` returns. Offsets
/// continue each log's head without a gap, in the order of the group. When `append`
/// fails, nothing of the group is written.
pub trait Appender: Send {
    fn append(&mut self, group: &[Submission], time: i64) -> Result<Vec<Verdict>, Unavailable>;

    /// Called when the sequencer stops: bring the files in order.
    fn close(&mut self) {}
}

/// The storage can't take writes now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);
