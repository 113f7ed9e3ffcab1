//! `retention`: how much of an endpoint's log is kept.

use std::time::Duration;

use super::reader::Section;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The log's bounds; whichever is reached first cuts it. Always finite, because a log
/// without an end fills the disk. The table is never cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    pub age: Duration,
    /// Events.
    pub count: u64,
    /// Bytes.
    pub size: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            age: 30 * DAY,
            count: 1_000_000,
            size: 1 << 30,
        }
    }
}

impl Retention {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let usual = Self::default();
        let retention = Self {
            age: section.read("age", usual.age, |value| {
                value.duration(Duration::from_secs(1)..=36_500 * DAY)
            }),
            count: section.read("count", usual.count, |value| {
                value.whole(1..=1_000_000_000_000)
            }),
            size: section.read("size", usual.size, |value| value.size(1 << 16..=1 << 44)),
        };
        section.finish();
        retention
    }
}
