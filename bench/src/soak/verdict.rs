//! What a soak found, in words, and whether that is good enough.

use std::fmt;

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use super::memory::Memory;
use super::{Phase, Told};

/// Most that the p99 under attack may be of the one without, and more than it, in milliseconds:
/// whichever is more.
const FACTOR: f64 = 2.0;
const MORE_MS: f64 = 5.0;
/// Most that the server may grow after it has settled.
const GROWTH: f64 = 1.10;

pub struct Verdict {
    pub before: Phase,
    pub under: Phase,
    pub after: Phase,
    pub memory: Memory,
    pub told: Told,
}

impl Verdict {
    /// The p99 without attacks: of what came before and after them, together.
    fn reference_ms(&self) -> f64 {
        let mut alone = self.before.latency.clone();
        // Both have the same bounds.
        let _ = alone.add(&self.after.latency);
        quantile_ms(&alone, 0.99)
    }

    fn allowed_ms(&self) -> f64 {
        let reference = self.reference_ms();
        (reference * FACTOR).max(reference + MORE_MS)
    }

    fn growth(&self) -> f64 {
        self.memory.end_kib as f64 / self.memory.settled_kib.max(1) as f64
    }

    /// What is not good enough, one line each.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, phase) in self.phases() {
            for fault in &phase.faults {
                faults.push(format!("{name}: {fault}"));
            }
        }
        let p99 = quantile_ms(&self.under.latency, 0.99);
        let allowed = self.allowed_ms();
        if p99 > allowed {
            faults.push(format!(
                "the p99 under attack is {p99:.2} ms, more than {allowed:.2} ms"
            ));
        }
        if self.growth() > GROWTH {
            faults.push(format!(
                "the server grew to {:.2} of what it was after the first minute",
                self.growth()
            ));
        }
        faults
    }

    /// # Errors
    /// All faults.
    pub fn check(&self) -> Result<()> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(());
        }
        bail!("the soak failed:\n{}", faults.join("\n"))
    }

    fn phases(&self) -> [(&'static str, &Phase); 3] {
        [
            ("before", &self.before),
            ("under attack", &self.under),
            ("after", &self.after),
        ]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| calm endpoint | messages | deliveries | p50 ms | p99 ms | faults |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (name, phase) in self.phases() {
            let (p50, p99) = (
                quantile_ms(&phase.latency, 0.5),
                quantile_ms(&phase.latency, 0.99),
            );
            writeln!(
                f,
                "| {name} | {} | {} | {p50:.2} | {p99:.2} | {} |",
                phase.messages,
                phase.deliveries,
                phase.faults.len()
            )?;
        }
        writeln!(
            f,
            "\np99 alone {:.2} ms, so {:.2} ms are allowed under attack.",
            self.reference_ms(),
            self.allowed_ms()
        )?;
        writeln!(
            f,
            "Server: {} MiB after the first minute, {} MiB at the end ({:.2}).",
            self.memory.settled_kib >> 10,
            self.memory.end_kib >> 10,
            self.growth()
        )?;
        let attacks: u64 = self.told.values().sum();
        let told = self
            .told
            .iter()
            .map(|(what, count)| format!("{what} {count}"));
        let told = told.collect::<Vec<_>>().join(", ");
        writeln!(f, "{attacks} attacks, all answered: {told}.")
    }
}

fn quantile_ms(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::new_histogram;

    fn phase(milliseconds: u64) -> Phase {
        let mut latency = new_histogram().unwrap();
        latency.record_n(milliseconds * 1_000_000, 1_000).unwrap();
        Phase {
            messages: 1_000,
            deliveries: 1_000,
            faults: Vec::new(),
            latency,
        }
    }

    fn verdict(alone: u64, under: u64, end_kib: u64) -> Verdict {
        Verdict {
            before: phase(alone),
            under: phase(under),
            after: phase(alone),
            memory: Memory {
                settled_kib: 100_000,
                end_kib,
            },
            told: Told::new(),
        }
    }

    #[test]
    fn twice_the_latency_or_five_milliseconds_more_are_good_enough() {
        for (alone, under, good) in [(1, 5, true), (1, 7, false), (10, 19, true), (10, 21, false)] {
            let found = verdict(alone, under, 100_000).check();
            assert_eq!(found.is_ok(), good, "{alone} and {under}: {found:?}");
        }
    }

    #[test]
    fn growth_and_a_lost_message_are_faults() {
        assert!(verdict(1, 1, 109_000).check().is_ok());
        assert!(verdict(1, 1, 111_000).check().is_err());
        assert!(verdict(1, 1, 50_000).check().is_ok());
        let mut lossy = verdict(1, 1, 100_000);
        lossy.after.faults.push("1 lost".to_owned());
        assert!(
            lossy
                .check()
                .unwrap_err()
                .to_string()
                .contains("after: 1 lost")
        );
    }
}
