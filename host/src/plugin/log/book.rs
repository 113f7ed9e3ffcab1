//! The last lines of each plugin's log, for `GET /api/plugins/NAME/logs`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;

use super::Level;
use crate::clock::now_micros;

/// Bytes of text that are kept of one plugin.
const KEPT: usize = 64 << 10;

/// One line. Its texts are printable already.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    /// Counts from 1 for each plugin, as long as the server runs.
    pub number: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub time: i64,
    pub level: Level,
    pub generation: u64,
    pub context: String,
    pub message: String,
}

/// The lines of one plugin, all its generations together.
pub struct LogBook {
    kept: Mutex<Kept>,
    /// The newest line's number.
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
    newest: u64,
}

impl Default for LogBook {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl LogBook {
    /// Adds a line; the oldest go when there are too many bytes.
    pub fn add(&self, level: Level, generation: u64, context: &str, message: &str) {
        let mut kept = self.kept.lock();
        kept.newest += 1;
        let line = LogLine {
            number: kept.newest,
            time: now_micros(),
            level,
            generation,
            context: context.to_owned(),
            message: message.to_owned(),
        };
        kept.bytes += bytes(&line);
        kept.lines.push_back(line);
        while kept.bytes > KEPT
            && let Some(oldest) = kept.lines.pop_front()
        {
            kept.bytes -= bytes(&oldest);
        }
        self.newest.send_replace(kept.newest);
    }

    /// The lines after this number that are still kept.
    pub fn after(&self, number: u64) -> Vec<LogLine> {
        let kept = self.kept.lock();
        let later = kept.lines.iter().filter(|line| line.number > number);
        later.cloned().collect()
    }

    /// Waits for a line after this number.
    pub async fn wait(&self, number: u64) {
        let mut newest = self.newest.subscribe();
        // The sender lives as long as the book.
        let _ = newest.wait_for(|newest| *newest > number).await;
    }
}

/// What a line takes, its fixed parts included.
fn bytes(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.context.len() + line.message.len()
}

/// The books of all plugins that ever loaded or failed to.
#[derive(Default)]
pub struct Books(Mutex<BTreeMap<String, Arc<LogBook>>>);

impl Books {
    pub fn of(&self, plugin: &str) -> Arc<LogBook> {
        let mut books = self.0.lock();
        if let Some(book) = books.get(plugin) {
            return Arc::clone(book);
        }
        let book = Arc::new(LogBook::default());
        books.insert(plugin.to_owned(), Arc::clone(&book));
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_make_room() {
        let book = LogBook::default();
        let long = "x".repeat(1 << 10);
        for _ in 0..1_000 {
            book.add(Level::Info, 1, "", &long);
        }
        let kept = book.after(0);
        assert!(kept.iter().map(bytes).sum::<usize>() <= KEPT);
        assert_eq!(kept.last().map(|line| line.number), Some(1_000));
        assert!(
            kept.windows(2)
                .all(|two| two[0].number + 1 == two[1].number)
        );
        assert_eq!(book.after(998).len(), 2);
    }

    #[tokio::test]
    async fn who_waits_hears_of_the_next_line() {
        let book = Arc::new(LogBook::default());
        book.add(Level::Info, 1, "", "first");
        book.wait(0).await;
        let waits = tokio::spawn({
            let book = Arc::clone(&book);
            async move {
                book.wait(1).await;
                book.after(1)
            }
        });
        book.add(Level::Warn, 2, "here", "second");
        let lines = waits.await.expect("no panic");
        assert_eq!((lines.len(), &*lines[0].message), (1, "second"));
    }
}
