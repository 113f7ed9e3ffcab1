//! `[alerts]`: the outbox, over all endpoints.

use std::time::Duration;

use super::reader::Section;

/// What waits, how often it is tried, how long it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertsConfig {
    /// Alerts that may wait to be sent.
    pub limit: usize,
    /// Tries after which one that is refused becomes a dead letter.
    pub attempts: u32,
    /// Pause after the first failed try, doubled with each further one.
    pub backoff: Duration,
    pub longest_backoff: Duration,
    /// Age at which one that could not be sent becomes a dead letter.
    pub expire: Duration,
    /// How long dead letters are kept.
    pub keep: Duration,
}

impl AlertsConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        let pauses = Duration::from_millis(10)..=day;
        let config = Self {
            limit: section.read("limit", 100_000, |value| value.whole(1..=10_000_000)),
            attempts: section.read("attempts", 10, |value| value.whole(1..=1_000)),
            backoff: section.read("backoff", 10 * second, |value| {
                value.duration(pauses.clone())
            }),
            longest_backoff: section.read("longest_backoff", 3_600 * second, |value| {
                value.duration(pauses.clone())
            }),
            expire: section.read("expire", 3 * day, |value| {
                value.duration(second..=365 * day)
            }),
            keep: section.read("keep", 30 * day, |value| {
                value.duration(second..=3_650 * day)
            }),
        };
        section.finish();
        config
    }
}
