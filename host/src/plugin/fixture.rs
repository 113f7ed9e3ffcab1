//! Fixtures: one hook call as a JSON object, written by hand or recorded, and run again
//! on a fresh instance. `docs/fixtures.md` has the format.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::Input;
use super::grant::Grant;
use super::tape::Notes;
use crate::id::ConnectionId;

mod effects;
mod expect;
mod fields;
mod read;
mod record;
mod run;
mod scene;
mod write;

pub use effects::{shown_effects, shown_keys, shown_list};
pub use expect::{Expect, Wanted};
pub use read::FixtureError;
pub use record::Given;
pub use run::{Ran, run};
pub use scene::{Scene, made_up_write};

/// One hook call: its input, what is around it, and what is expected of it.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// For people; none when nobody gave one.
    pub name: Option<String>,
    pub input: Input,
    pub call: Caller,
    pub scene: Scene,
    /// What the call is given: readings of clocks, the seed, answers.
    pub notes: Notes,
    /// The same of the instance's making.
    pub made_with: Notes,
    /// Calls that the instance had served before. More than 0 in recordings only: what
    /// they left in the guest's memory is not in the fixture.
    pub served: u32,
    /// In place of the plugin's config; none leaves it.
    pub config: Option<BTreeMap<String, String>>,
    /// In place of the plugin's grants; none leaves them.
    pub grants: Option<Vec<Grant>>,
    pub expect: Option<Expect>,
    /// Where a recording is from.
    pub recorded: Option<Recorded>,
}

/// What hooks are told of the call itself.
#[derive(Debug, Clone)]
pub struct Caller {
    pub connection: ConnectionId,
    pub user: Option<Arc<str>>,
    /// As in `CallContext`.
    pub method: &'static str,
    pub endpoint: Arc<str>,
    /// Microseconds since 1970-01-01 UTC.
    pub received_at: u64,
    pub queued: bool,
}

/// The call that was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Microseconds since 1970-01-01 UTC.
    pub time: u64,
    pub plugin: Arc<str>,
    pub version: Arc<str>,
    pub generation: u64,
    /// SHA-256 of the plugin's file, in hexadecimal.
    pub digest: Arc<str>,
    /// The message's `_msg_id`, if it had one.
    pub message: Option<Arc<str>>,
    /// What the operator was told; none when the call did not fail.
    pub error: Option<String>,
    /// Of a trap, innermost frame first.
    pub backtrace: Option<String>,
}
