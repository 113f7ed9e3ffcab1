//! Numbers for the keys of new rows, where a table is numbered.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Reader;
use crate::row::Table;

/// Numbers one table's rows. Rows are judged before they are written, so that the numbers
/// are handed out here; what a message took that was then refused is left out.
pub struct Numbers {
    reader: Reader,
    /// The last one that was handed out.
    last: AtomicI64,
}

/// What a database says of the next number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nobody else gets this one.
    Own(i64),
    /// It is this one or a larger one.
    From(i64),
}

impl Numbers {
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            last: AtomicI64::new(0),
        }
    }

    /// One that no other message gets. Other programs may insert rows, too, so that the
    /// table is asked each time.
    pub async fn next(&self, table: &Table) -> sqlx::Result<i64> {
        let from = match self.reader.next_number(table).await? {
            Next::Own(number) => return Ok(number),
            Next::From(number) => number,
        };
        let larger = |last: i64| Some(from.max(last.saturating_add(1)));
        let before = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, larger);
        // The closure always gives one.
        Ok(before.map_or(from, |last| from.max(last.saturating_add(1))))
    }
}
