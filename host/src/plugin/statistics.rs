//! What each hook of a generation did. Counted in atomics of the generation's own, so
//! that its series are gone with it; `exposition` renders them for Prometheus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::call::{Input, Output};
use super::deadline::RunClock;
use super::error::HookError;
use super::histogram::{Counts, Histogram, Latency};
use super::hook::Hook;
use super::limits::Limit;
use super::meter::Meter;
use super::trap::TrapKind;
use super::trial::Totals;

/// Why calls failed, as `kind` in metrics. Order of [`Kind::ALL`] is order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Timeout,
    Trap,
    Limit,
    Output,
    Unavailable,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Timeout,
        Self::Trap,
        Self::Limit,
        Self::Output,
        Self::Unavailable,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::Output => "output",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Counters of all hooks of one generation.
pub struct Statistics {
    meter: Arc<Meter>,
    hooks: [HookStatistics; Hook::ALL.len()],
}

#[derive(Default)]
struct HookStatistics {
    took: Histogram,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    rejected: AtomicU64,
    errors: [AtomicU64; Kind::ALL.len()],
    traps: [AtomicU64; TrapKind::ALL.len()],
    /// Of the timeouts, those at the wall cap.
    wall: AtomicU64,
}

/// What one call cost.
pub struct Spent {
    /// Time the guest ran.
    pub ran: Duration,
    /// Time from start to end.
    pub took: Duration,
    /// Bytes of its input's texts.
    pub bytes_in: usize,
}

impl Spent {
    /// What the call that `clock` has just timed cost.
    pub fn of(clock: &RunClock, input: &Input) -> Self {
        Self {
            bytes_in: input.bytes(),
            ..Self::making(clock)
        }
    }

    /// What making an instance cost, `describe` included.
    pub fn making(clock: &RunClock) -> Self {
        Self {
            ran: clock.ran(),
            took: clock.took(),
            bytes_in: 0,
        }
    }
}

/// One hook's figures since its generation was loaded.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct HookFigures {
    pub hook: Hook,
    pub calls: u64,
    /// Calls that ended in a rejection (or refusal): the plugin said no.
    pub rejected: u64,
    /// Calls that failed, by `timeout`, `trap`, `limit`, `output`, `unavailable`; kinds
    /// that did not happen are left out.
    pub errors: Vec<(&'static str, u64)>,
    /// Of these, the traps by what trapped; likewise.
    pub traps: Vec<(&'static str, u64)>,
    /// And the timeouts by the limit that was reached; likewise.
    pub timeouts: Vec<(&'static str, u64)>,
    /// Bytes of the texts that its calls were given.
    pub bytes_in: u64,
    /// Bytes of the texts that they returned.
    pub bytes_out: u64,
    /// Time from start to end of its calls.
    pub latency: Latency,
    #[serde(skip)]
    pub counts: Counts,
}

impl Statistics {
    pub fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            hooks: Hook::ALL.map(|_| HookStatistics::default()),
        }
    }

    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// A call that returned.
    pub fn returned(&self, hook: Hook, spent: &Spent, output: &Output) {
        let hook = self.ended(hook, spent);
        let bytes = output.bytes() as u64;
        hook.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.meter.used(Limit::Output, bytes);
        self.meter.used(Limit::Transfer, bytes);
        if output.says_no() {
            hook.rejected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call that failed.
    pub fn failed(&self, hook: Hook, spent: &Spent, error: &HookError) {
        let limit = error.limit();
        if let Some(limit) = limit {
            self.meter.hit(limit);
        }
        let hook = self.ended(hook, spent);
        if let Some(kind) = error.kind() {
            hook.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(trap) = error.trap() {
            hook.traps[trap as usize].fetch_add(1, Ordering::Relaxed);
        }
        if limit == Some(Limit::Wall) {
            hook.wall.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What all calls count.
    fn ended(&self, hook: Hook, spent: &Spent) -> &HookStatistics {
        self.meter.used_time(runs_within(hook), spent.ran);
        self.meter.used_time(Limit::Wall, spent.took);
        let hook = &self.hooks[hook.index()];
        hook.took.record(spent.took);
        let bytes = spent.bytes_in as u64;
        hook.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        hook
    }

    /// A call that was not made, or had returned what can't be used.
    pub fn lost(&self, hook: Hook, kind: Kind) {
        self.hooks[hook.index()].errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often any hook trapped this way.
    pub fn traps(&self, kind: TrapKind) -> u64 {
        let traps = self.hooks.iter().map(|hook| &hook.traps[kind as usize]);
        traps.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Calls and failures over all hooks, as probation counts them. That no instance could
    /// be had is not the plugin's fault.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (hook, statistics) in Hook::ALL.iter().zip(&self.hooks) {
            let faults = Kind::ALL.iter().filter(|kind| **kind != Kind::Unavailable);
            let faults =
                faults.map(|kind| statistics.errors[*kind as usize].load(Ordering::Relaxed));
            let errors: u64 = faults.sum();
            totals.errors += errors;
            totals.calls += match hook {
                // Making an instance is a call of its own only where none followed.
                Hook::Describe => errors,
                _ => statistics.took.counts().total(),
            };
        }
        totals
    }

    /// Figures of the given hooks.
    pub fn figures(&self, hooks: &[Hook]) -> Vec<HookFigures> {
        hooks
            .iter()
            .map(|hook| self.hooks[hook.index()].figures(*hook))
            .collect()
    }
}

impl HookStatistics {
    fn figures(&self, hook: Hook) -> HookFigures {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let happened =
            |counts: Vec<(&'static str, u64)>| counts.into_iter().filter(|(_, n)| *n > 0).collect();
        let errors = self.errors.each_ref().map(load);
        let traps = self.traps.each_ref().map(load);
        let wall = load(&self.wall);
        let ran = errors[Kind::Timeout as usize].saturating_sub(wall);
        let counts = self.took.counts();
        HookFigures {
            hook,
            calls: counts.total(),
            rejected: load(&self.rejected),
            errors: happened(Kind::ALL.map(Kind::name).into_iter().zip(errors).collect()),
            traps: happened(
                TrapKind::ALL
                    .map(TrapKind::name)
                    .into_iter()
                    .zip(traps)
                    .collect(),
            ),
            timeouts: happened(vec![
                (runs_within(hook).key(), ran),
                (Limit::Wall.key(), wall),
            ]),
            bytes_in: load(&self.bytes_in),
            bytes_out: load(&self.bytes_out),
            latency: counts.latency(),
            counts,
        }
    }
}

/// The limit of the time that a hook runs.
fn runs_within(hook: Hook) -> Limit {
    match hook {
        Hook::Describe => Limit::Init,
        _ => Limit::Hook,
    }
}
