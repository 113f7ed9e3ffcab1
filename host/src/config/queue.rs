//! `queue`: messages that wait while an endpoint's plugin is away.

use super::reader::Section;
use crate::waiting::WhenFull;

/// How many may wait, and what becomes of one more.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    /// Messages.
    pub size: usize,
    pub when_full: WhenFull,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            size: 1_000,
            when_full: WhenFull::Reject,
        }
    }
}

impl QueueConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let usual = Self::default();
        let queue = Self {
            size: section.read("size", usual.size, |value| value.whole(0..=1_000_000)),
            when_full: section.read("when_full", usual.when_full, |value| {
                value.choice(&[
                    ("reject", WhenFull::Reject),
                    ("drop-newest", WhenFull::DropNewest),
                    ("drop-oldest", WhenFull::DropOldest),
                ])
            }),
        };
        section.finish();
        queue
    }
}
