//! How a plugin stands: on probation, rolled back, out of service.

use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;

use crate::plugin::generation::Generation;
use crate::plugin::trial::{ProbationRule, Totals};

/// Beyond which generation is current.
#[derive(Default)]
pub(super) struct Standing {
    pub probation: Option<Probation>,
    /// Why the current generation is not called; none when it is.
    pub quarantine: Option<Quarantine>,
    /// The last rollback.
    pub rolled_back: Option<Rollback>,
}

/// The probation of the current generation, or its result.
#[derive(Debug, Clone)]
pub struct Probation {
    pub state: ProbationState,
    pub until: OffsetDateTime,
    /// Until the verdict: the generation to go back to, kept warm. None when there is
    /// none.
    pub previous: Option<Arc<Generation>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbationState {
    Running,
    Passed,
    Failed,
}

/// A generation that is current, but not called.
#[derive(Debug, Clone, Serialize)]
pub struct Quarantine {
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// A swap to an older generation.
#[derive(Debug, Clone, Serialize)]
pub struct Rollback {
    /// Numbers of the generation that was left and of the one that serves instead.
    pub from: u64,
    pub to: u64,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Probation as the admin API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ProbationInfo {
    pub state: ProbationState,
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    #[serde(flatten)]
    pub totals: Totals,
}

impl Probation {
    pub fn new(rule: ProbationRule, previous: Option<Arc<Generation>>) -> Self {
        Self {
            state: ProbationState::Running,
            until: OffsetDateTime::now_utc() + rule.time,
            previous,
        }
    }

    pub fn is_running(&self) -> bool {
        self.state == ProbationState::Running
    }

    /// Ends it; the previous generation is let go.
    pub fn end(&mut self, state: ProbationState) {
        self.state = state;
        self.previous = None;
    }

    pub fn info(&self, current: &Generation) -> ProbationInfo {
        ProbationInfo {
            state: self.state,
            until: self.until,
            totals: current.totals(),
        }
    }
}

impl Rollback {
    pub fn now(from: u64, to: u64, reason: &str) -> Self {
        Self {
            from,
            to,
            reason: reason.to_owned(),
            at: OffsetDateTime::now_utc(),
        }
    }
}

impl Quarantine {
    pub fn now(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            since: OffsetDateTime::now_utc(),
        }
    }
}

impl Standing {
    /// The generation that is known to work, or as good as: what a new one, from a file of
    /// this digest, falls back to.
    pub fn trusted(
        &self,
        current: Option<Arc<Generation>>,
        digest: &str,
    ) -> Option<Arc<Generation>> {
        if self.quarantine.is_some() {
            return None;
        }
        match self.probation.as_ref().filter(|one| one.is_running()) {
            None => current,
            Some(running) => running
                .previous
                .clone()
                .or_else(|| current.filter(|current| **current.digest() != *digest)),
        }
    }
}
