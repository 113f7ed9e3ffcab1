//! How much of its limits one generation has used.
//!
//! For each limit the most that was used at once and how often the limit was hit. What
//! was refused was not used: a high-water mark is above its limit only where the host
//! notices late, as with time. Calls look at the marks far more often than they move
//! them, so a mark is written only when it rises.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::limits::{Limit, Limits, Unit};

/// The marks of one generation, shared by all that enforces its limits.
pub struct Meter {
    limits: Limits,
    marks: [Mark; Limit::ALL.len()],
}

#[derive(Default)]
struct Mark {
    high_water: AtomicU64,
    hits: AtomicU64,
}

/// One limit and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitFigures {
    /// The key in `[plugins.NAME.limits]`, or `stack`.
    pub name: &'static str,
    pub unit: Unit,
    pub limit: u64,
    /// The most that was used since the generation was loaded; none where the host can't
    /// tell.
    pub high_water: Option<u64>,
    /// Times the limit refused, cut, ended or delayed something.
    pub hits: u64,
}

impl Meter {
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            marks: std::array::from_fn(|_| Mark::default()),
        }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Something used this much of a limit, in its unit.
    pub fn used(&self, limit: Limit, amount: u64) {
        let mark = &self.marks[limit as usize].high_water;
        if amount > mark.load(Ordering::Relaxed) {
            mark.fetch_max(amount, Ordering::Relaxed);
        }
    }

    /// The same for a limit of time.
    pub fn used_time(&self, limit: Limit, time: Duration) {
        self.used(limit, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// A limit was hit.
    pub fn hit(&self, limit: Limit) {
        self.marks[limit as usize]
            .hits
            .fetch_add(1, Ordering::Relaxed);
    }

    /// How often a limit was hit.
    pub fn hits(&self, limit: Limit) -> u64 {
        self.marks[limit as usize].hits.load(Ordering::Relaxed)
    }

    /// The most that was used of a limit, in its unit.
    pub fn high_water(&self, limit: Limit) -> u64 {
        self.marks[limit as usize]
            .high_water
            .load(Ordering::Relaxed)
    }

    /// All limits, in the order of their table.
    pub fn figures(&self) -> Vec<LimitFigures> {
        let figures = |limit: &Limit| LimitFigures {
            name: limit.key(),
            unit: limit.unit(),
            limit: self.limits.get(*limit),
            // The compiler's process says nothing of what it took.
            high_water: (*limit != Limit::CompileMemory).then(|| self.high_water(*limit)),
            hits: self.hits(*limit),
        };
        Limit::ALL.iter().map(figures).collect()
    }
}
