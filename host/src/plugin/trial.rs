//! Probation: a new generation is watched after its swap, and too many failures end it.
//!
//! Here only the counting and the verdict; what follows from it is `reload`'s.

use std::sync::OnceLock;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;

/// When a generation has failed its probation: `[plugins.NAME.probation]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbationRule {
    /// How long it is watched; zero: not at all.
    pub time: Duration,
    /// The share of its calls that may fail, from 0 to 1.
    pub errors: f64,
    /// Calls before which there is no verdict.
    pub calls: u64,
}

impl Default for ProbationRule {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            errors: 0.1,
            calls: 20,
        }
    }
}

impl ProbationRule {
    /// Whether a generation with these figures has failed.
    pub fn broken_by(&self, totals: Totals) -> bool {
        totals.calls >= self.calls && totals.errors as f64 > self.errors * totals.calls as f64
    }
}

/// Figures of one generation over all hooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub calls: u64,
    /// Traps, timeouts, limits and unusable output: what is the plugin's fault.
    pub errors: u64,
}

/// A generation's probation, if it has one.
#[derive(Default)]
pub struct Trial {
    rule: OnceLock<ProbationRule>,
    failed: Notify,
}

impl Trial {
    /// From now on failures count. A generation has one probation at most.
    pub fn begin(&self, rule: ProbationRule) {
        // A second one finds the first rule in force, which is as good.
        let _ = self.rule.set(rule);
    }

    /// Looks at the figures after a failure.
    pub fn look(&self, totals: impl FnOnce() -> Totals) {
        if let Some(rule) = self.rule.get()
            && rule.broken_by(totals())
        {
            self.failed.notify_one();
        }
    }

    /// Returns when it has failed.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_only_with_enough_calls() {
        let rule = ProbationRule::default();
        let broken = |calls, errors| rule.broken_by(Totals { calls, errors });
        assert!(!broken(19, 19), "too few calls");
        assert!(!broken(20, 2), "as many as are allowed");
        assert!(broken(20, 3));
        assert!(!broken(1_000, 100));
        assert!(broken(1_000, 101));
        let strict = ProbationRule {
            errors: 0.0,
            calls: 1,
            ..rule
        };
        assert!(!strict.broken_by(Totals {
            calls: 1,
            errors: 0
        }));
        assert!(strict.broken_by(Totals {
            calls: 1,
            errors: 1
        }));
    }

    #[tokio::test]
    async fn a_verdict_waits_for_who_asks_later() {
        let trial = Trial::default();
        let bad = || Totals {
            calls: 20,
            errors: 20,
        };
        trial.look(bad);
        let asked = tokio::time::timeout(Duration::ZERO, trial.failed()).await;
        assert!(asked.is_err(), "without a rule there is no verdict");
        trial.begin(ProbationRule::default());
        trial.look(bad);
        trial.failed().await;
    }
}
