//! The appender of `durability = "ephemeral"`: offsets and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use crate::log::appender::{Appender, Unavailable, Verdict};
use crate::log::{Part, Submission};

/// Assigns offsets in memory. There is nothing a message could conflict with.
#[derive(Default)]
pub struct MemoryAppender;

impl Appender for MemoryAppender {
    fn append(&mut self, group: &[Submission], _time: i64) -> Result<Vec<Verdict>, Unavailable> {
        let mut heads = HashMap::new();
        let verdicts = group.iter().map(|submission| {
            let mut head = |part: &Part| {
                let log = &part.log;
                let head = heads
                    .entry(Arc::as_ptr(log))
                    .or_insert_with(|| log.ring.head());
                let before = *head;
                *head += part.drafts().count() as u64;
                before
            };
            let first = head(&submission.own) + 1;
            submission.published.iter().for_each(|part| {
                head(part);
            });
            Verdict::Written { first }
        });
        Ok(verdicts.collect())
    }
}
