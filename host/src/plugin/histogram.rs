//! Counts durations by size, without locks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Upper bounds of what a hook call takes, in microseconds: fine where warm calls are,
/// and up to the longest deadline.
pub const BOUNDS: [u64; 20] = [
    1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 250, 1_000, 5_000, 20_000, 100_000, 1_000_000,
    10_000_000,
];

/// A duration counts in the first bucket whose bound it does not exceed; one more bucket
/// takes what exceeds all.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    pub buckets: [u64; BOUNDS.len() + 1],
    pub sum: Duration,
}

/// What operators read of a histogram, in microseconds. Quantiles are the bounds of
/// their buckets; none beyond the last bound, and of nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    pub mean: Option<f64>,
    pub p50: Option<u64>,
    pub p90: Option<u64>,
    pub p99: Option<u64>,
}

impl Histogram {
    pub fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| bound * 1_000 < nanos);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        Counts {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)),
        }
    }
}

impl Counts {
    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many durations were at most as long as each bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let sums = self.buckets.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.into_iter().zip(sums)
    }

    /// The least bound that this part of all durations does not exceed, in microseconds.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let total = self.total();
        // Counts are far below 2^53, where f64 is exact.
        let rank = ((total as f64 * part).ceil() as u64).max(1);
        let found = self.cumulative().find(|(_, count)| *count >= rank);
        found.map(|(bound, _)| bound)
    }

    pub fn latency(&self) -> Latency {
        let total = self.total();
        let mean = self.sum.as_secs_f64() * 1e6 / total as f64;
        Latency {
            mean: (total > 0).then_some(mean),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_agree_with_the_durations(
            nanos in prop::collection::vec(
                prop_oneof![0..20_000_000_000_u64, 0..100_000_u64, (0..20_usize).prop_map(|n| BOUNDS[n] * 1_000)],
                1..200,
            ),
            part in 0.01..1.0_f64,
        ) {
            let histogram = Histogram::default();
            for nanos in &nanos {
                histogram.record(Duration::from_nanos(*nanos));
            }
            let counts = histogram.counts();
            prop_assert_eq!(counts.total(), nanos.len() as u64);
            prop_assert_eq!(counts.sum, Duration::from_nanos(nanos.iter().sum()));
            for (bound, count) in counts.cumulative() {
                let within = nanos.iter().filter(|nanos| **nanos <= bound * 1_000).count();
                prop_assert_eq!(count, within as u64, "at most {} us", bound);
            }

            let mut sorted: Vec<u64> = nanos;
            sorted.sort_unstable();
            let rank = (sorted.len() as f64 * part).ceil() as usize;
            let exact = sorted[rank - 1];
            let expected = BOUNDS.into_iter().find(|bound| exact <= bound * 1_000);
            prop_assert_eq!(counts.quantile(part), expected);
        }
    }

    #[test]
    fn nothing_has_no_quantiles() {
        let latency = Histogram::default().counts().latency();
        assert_eq!((latency.mean, latency.p50, latency.p99), (None, None, None));
    }
}
