//! What a comparison found: how often both agreed, where not, and how long they took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::plugin::Hook;

/// Differences that are shown in detail.
const SHOWN: usize = 20;

/// How one of the two judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// What came out, and what is to be done besides.
    Accepted {
        output: Value,
        effects: Vec<Value>,
    },
    Rejected(Value),
    /// The operator's line of it, which is not compared.
    Failed(String),
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Current,
    Candidate,
}

/// The sum of a comparison.
#[derive(Debug, Default)]
pub struct Tally {
    pub compared: u64,
    pub same: u64,
    /// Calls that found the queue full.
    pub dropped: u64,
    /// The time was up.
    pub cut: bool,
    kinds: BTreeMap<&'static str, u64>,
    differences: Vec<Value>,
    times: BTreeMap<(Hook, Who), Vec<Duration>>,
}

impl Tally {
    /// Adds a comparison; `what` shows what was judged.
    pub fn add(&mut self, what: impl FnOnce() -> Value, current: &Verdict, candidate: &Verdict) {
        self.compared += 1;
        let Some(kind) = kind(current, candidate) else {
            self.same += 1;
            return;
        };
        *self.kinds.entry(kind).or_default() += 1;
        if self.differences.len() < SHOWN {
            let mut shown = what();
            shown["kind"] = kind.into();
            shown["current"] = current.shown();
            shown["candidate"] = candidate.shown();
            self.differences.push(shown);
        }
    }

    /// Adds the time of a call.
    pub fn took(&mut self, hook: Hook, who: Who, took: Duration) {
        self.times.entry((hook, who)).or_default().push(took);
    }

    pub fn to_json(&self) -> Value {
        let different = self.compared - self.same;
        let mut hooks: BTreeMap<Hook, Value> = BTreeMap::new();
        for ((hook, who), times) in &self.times {
            let who = match who {
                Who::Current => "current",
                Who::Candidate => "candidate",
            };
            let shown = hooks.entry(*hook).or_insert_with(|| json!({"hook": hook}));
            shown[who] = figures(times);
        }
        json!({
            "compared": self.compared,
            "same": self.same,
            "different": different,
            "kinds": self.kinds,
            "dropped": self.dropped,
            "cut": self.cut,
            "differences": self.differences,
            "hooks": hooks.into_values().collect::<Vec<_>>(),
        })
    }
}

impl Verdict {
    fn shown(&self) -> Value {
        match self {
            Self::Accepted { output, effects } => json!({"output": output, "effects": effects}),
            Self::Rejected(rejection) => json!({"rejected": rejection}),
            Self::Failed(error) => json!({"failed": error}),
        }
    }
}

/// How they differ; none when they do not.
fn kind(current: &Verdict, candidate: &Verdict) -> Option<&'static str> {
    use Verdict::{Accepted, Failed, Rejected};
    match (current, candidate) {
        (Failed(_), Failed(_)) => None,
        (_, Failed(_)) => Some("candidate_fails"),
        (Failed(_), _) => Some("current_fails"),
        (Accepted { .. }, Rejected(_)) => Some("candidate_rejects"),
        (Rejected(_), Accepted { .. }) => Some("current_rejects"),
        (Rejected(one), Rejected(other)) => (one != other).then_some("rejection"),
        (
            Accepted { output, effects },
            Accepted {
                output: other,
                effects: others,
            },
        ) => {
            if output != other {
                Some("output")
            } else {
                (effects != others).then_some("effects")
            }
        }
    }
}

/// Microseconds.
fn figures(times: &[Duration]) -> Value {
    let mut sorted = times.to_vec();
    sorted.sort();
    let micros = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_nanos() as f64 / 1e3);
    let at = |percent: usize| micros(sorted.get((sorted.len() - 1) * percent / 100));
    json!({
        "calls": sorted.len(),
        "median_us": at(50),
        "p99_us": at(99),
        "max_us": micros(sorted.last()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(output: i32, effects: &[i32]) -> Verdict {
        Verdict::Accepted {
            output: output.into(),
            effects: effects.iter().map(|effect| json!(effect)).collect(),
        }
    }

    #[test]
    fn verdicts_are_told_apart() {
        let rejected = |code: &str| Verdict::Rejected(json!({"code": code}));
        let failed = || Verdict::Failed("trap".into());
        for (current, candidate, expected) in [
            (accepted(1, &[]), accepted(1, &[]), None),
            (accepted(1, &[]), accepted(2, &[]), Some("output")),
            (accepted(1, &[1]), accepted(1, &[2]), Some("effects")),
            (accepted(1, &[]), rejected("a"), Some("candidate_rejects")),
            (rejected("a"), accepted(1, &[]), Some("current_rejects")),
            (rejected("a"), rejected("b"), Some("rejection")),
            (rejected("a"), rejected("a"), None),
            (accepted(1, &[]), failed(), Some("candidate_fails")),
            (failed(), rejected("a"), Some("current_fails")),
            (failed(), Verdict::Failed("another".into()), None),
        ] {
            assert_eq!(
                kind(&current, &candidate),
                expected,
                "{current:?} {candidate:?}"
            );
        }
    }

    #[test]
    fn the_first_differences_are_shown_and_all_are_counted() {
        let mut tally = Tally::default();
        for n in 0..30 {
            let number = || json!({"n": n});
            tally.add(number, &accepted(1, &[]), &accepted(n % 2, &[]));
            tally.took(
                Hook::Prepare,
                Who::Current,
                Duration::from_micros(n as u64 + 1),
            );
        }
        let shown = tally.to_json();
        assert_eq!(
            (&shown["same"], &shown["different"]),
            (&json!(15), &json!(15))
        );
        assert_eq!(shown["kinds"], json!({"output": 15}));
        assert_eq!(shown["differences"].as_array().map(Vec::len), Some(15));
        let times = &shown["hooks"][0]["current"];
        assert_eq!(
            (&times["median_us"], &times["max_us"]),
            (&json!(15.0), &json!(30.0))
        );
    }
}
