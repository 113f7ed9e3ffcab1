//! What each hook of a generation did: counters for the admin API and for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};
use serde::Serialize;

use super::hook::Hook;
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
    const ALL: [Self; 5] = [
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

/// Counters of all hooks. The metrics handles are looked up once, when the generation is
/// made: install the metrics recorder before plugins are loaded.
pub struct Statistics([HookStatistics; Hook::ALL.len()]);

struct HookStatistics {
    calls: AtomicU64,
    rejected: AtomicU64,
    errors: [AtomicU64; Kind::ALL.len()],
    seconds: Histogram,
    rejections_total: Counter,
    errors_total: [Counter; Kind::ALL.len()],
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
}

impl Statistics {
    pub fn new(plugin: &str) -> Self {
        Self(Hook::ALL.map(|hook| HookStatistics::new(plugin, hook.name())))
    }

    /// A call that returned, `rejected` when with a rejection.
    pub fn returned(&self, hook: Hook, took: Duration, rejected: bool) {
        let hook = &self.0[hook.index()];
        hook.calls.fetch_add(1, Ordering::Relaxed);
        hook.seconds.record(took.as_secs_f64());
        if rejected {
            hook.rejected.fetch_add(1, Ordering::Relaxed);
            hook.rejections_total.increment(1);
        }
    }

    /// A call that failed.
    pub fn failed(&self, hook: Hook, took: Duration, kind: Kind) {
        let hook = &self.0[hook.index()];
        hook.calls.fetch_add(1, Ordering::Relaxed);
        hook.seconds.record(took.as_secs_f64());
        hook.failed(kind);
    }

    /// A call that had returned, but with what can't be used.
    pub fn unusable(&self, hook: Hook) {
        self.0[hook.index()].failed(Kind::Output);
    }

    /// Calls and failures over all hooks, as probation counts them. That no instance could
    /// be had is not the plugin's fault.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (hook, statistics) in Hook::ALL.iter().zip(&self.0) {
            let faults = Kind::ALL.iter().filter(|kind| **kind != Kind::Unavailable);
            let faults =
                faults.map(|kind| statistics.errors[*kind as usize].load(Ordering::Relaxed));
            let errors: u64 = faults.sum();
            totals.errors += errors;
            totals.calls += match hook {
                // Making an instance is a call of its own only where none followed.
                Hook::Describe => errors,
                _ => statistics.calls.load(Ordering::Relaxed),
            };
        }
        totals
    }

    /// Figures of the given hooks.
    pub fn figures(&self, hooks: &[Hook]) -> Vec<HookFigures> {
        hooks
            .iter()
            .map(|hook| self.0[hook.index()].figures(*hook))
            .collect()
    }
}

impl HookStatistics {
    fn new(plugin: &str, hook: &'static str) -> Self {
        let plugin = plugin.to_owned();
        Self {
            calls: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            errors: Default::default(),
            seconds: metrics::histogram!("hookcast_hook_seconds", "plugin" => plugin.clone(), "hook" => hook),
            rejections_total: metrics::counter!("hookcast_hook_rejections_total", "plugin" => plugin.clone(), "hook" => hook),
            errors_total: Kind::ALL.map(|kind| {
                metrics::counter!(
                    "hookcast_hook_errors_total",
                    "plugin" => plugin.clone(), "hook" => hook, "kind" => kind.name()
                )
            }),
        }
    }

    fn failed(&self, kind: Kind) {
        self.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.errors_total[kind as usize].increment(1);
    }

    fn figures(&self, hook: Hook) -> HookFigures {
        let counts = Kind::ALL.iter().zip(&self.errors);
        let counts = counts.map(|(kind, count)| (kind.name(), count.load(Ordering::Relaxed)));
        HookFigures {
            hook,
            calls: self.calls.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            errors: counts.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
