//! What guests say: `wasi:logging`, stdout and stderr, as lines of the host's log.
//!
//! Guests are not trusted with the operator's terminal. A line has no control
//! characters and a limited length, and a generation has a number of lines per second; what
//! is dropped is counted and said.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::generation::Generation;
use super::limits::Limit;
use super::meter::Meter;

mod book;
mod capture;

pub use book::{Books, LogBook, LogLine};
pub use capture::Captured;

/// Bytes of a guest's text in an error message.
const SHOWN: usize = 1 << 10;

/// Levels of `wasi:logging`, most talkative first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// The log of one generation, shared by its instances.
pub struct PluginLog {
    plugin: Arc<str>,
    generation: u64,
    version: OnceLock<Arc<str>>,
    /// Knows the limits.
    meter: Arc<Meter>,
    second: Mutex<Second>,
    /// Lines of a fixture's run, which are kept and not written.
    kept: Option<Mutex<Vec<String>>>,
    book: Arc<LogBook>,
}

/// Most lines that are kept of one run.
const KEPT: usize = 1_000;

/// The second that lines are counted in.
struct Second {
    began: Instant,
    lines: u32,
    bytes: usize,
    dropped: u64,
}

impl PluginLog {
    pub fn new(plugin: Arc<str>, generation: u64, meter: Arc<Meter>, book: Arc<LogBook>) -> Self {
        Self {
            plugin,
            generation,
            version: OnceLock::new(),
            meter,
            second: Mutex::new(Second {
                began: Instant::now(),
                lines: 0,
                bytes: 0,
                dropped: 0,
            }),
            kept: None,
            book,
        }
    }

    /// A log of the same generation that keeps its lines and writes none. It has a meter
    /// of its own.
    pub fn keeping(generation: &Generation) -> Self {
        let limits = &generation.settings().limits;
        let (name, number) = (Arc::clone(generation.name()), generation.number());
        let meter = Arc::new(Meter::new(limits));
        let log = Self::new(name, number, meter, Arc::default());
        log.set_version(Arc::clone(generation.version()));
        Self {
            kept: Some(Mutex::default()),
            ..log
        }
    }

    /// The lines that were kept.
    pub fn kept(&self) -> Vec<String> {
        self.kept
            .as_ref()
            .map(|kept| kept.lock().clone())
            .unwrap_or_default()
    }

    /// The plugin's own version, from `describe` on.
    pub fn version(&self) -> Arc<str> {
        self.version.get().cloned().unwrap_or_else(|| "".into())
    }

    pub fn set_version(&self, version: Arc<str>) {
        // The first `describe` decides; later instances say the same.
        let _ = self.version.set(version);
    }

    pub fn plugin(&self) -> &Arc<str> {
        &self.plugin
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Bytes of one line.
    fn line_limit(&self) -> usize {
        self.meter.limits().log_line
    }

    /// Writes one line, unless this second's lines are used up.
    pub fn line(&self, level: Level, context: &str, message: &str) {
        let limits = self.meter.limits();
        let size = |text: &str| text.len().min(limits.log_line);
        let bytes = size(context) + size(message);
        let dropped = {
            let mut second = self.second.lock();
            let before = second.roll(Instant::now());
            if let Some(limit) = second.take(bytes, limits.log_rate, limits.log_bytes) {
                self.meter.hit(limit);
                return;
            }
            self.meter.used(Limit::LogRate, second.lines.into());
            self.meter.used(Limit::LogBytes, second.bytes as u64);
            before
        };
        self.meter.used(Limit::LogLine, size(message) as u64);
        if message.len() > limits.log_line {
            self.meter.hit(Limit::LogLine);
        }
        if dropped > 0 {
            self.emit(
                Level::Warn,
                "",
                &format!(
                    "{dropped} log lines were dropped (`limits.log_rate`, `limits.log_bytes`)"
                ),
            );
        }
        let line = limits.log_line;
        self.emit(level, &cut(context, line), &cut(message, line));
    }

    /// Keeps what the host has to say about the plugin, such as a failed call. It is in
    /// the host's own log already.
    pub fn host_says(&self, message: &str) {
        self.book
            .add(Level::Error, self.generation, "host", message);
    }

    fn emit(&self, level: Level, context: &str, message: &str) {
        if let Some(kept) = &self.kept {
            let mut kept = kept.lock();
            if kept.len() < KEPT {
                let level = format!("{level:?}").to_lowercase();
                kept.push(format!("{level} {context}: {message}"));
            }
            return;
        }
        self.book.add(level, self.generation, context, message);
        // tracing wants its levels as constants, hence the macro.
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    target: "hookcast::plugin",
                    plugin = %self.plugin,
                    version = %self.version.get().map_or("", |version| version),
                    generation = self.generation,
                    context,
                    "{message}"
                )
            };
        }
        match level {
            Level::Trace => emit!(trace),
            Level::Debug => emit!(debug),
            Level::Info => emit!(info),
            Level::Warn => emit!(warn),
            Level::Error | Level::Critical => emit!(error),
        }
    }
}

impl Second {
    /// Begins a new second when this one is over; returns what the last one dropped.
    fn roll(&mut self, now: Instant) -> u64 {
        if now.duration_since(self.began) < Duration::from_secs(1) {
            return 0;
        }
        self.began = now;
        self.lines = 0;
        self.bytes = 0;
        std::mem::take(&mut self.dropped)
    }

    /// Takes a line into this second, or drops it; returns the limit that is used up.
    fn take(&mut self, bytes: usize, most_lines: u32, most_bytes: usize) -> Option<Limit> {
        let limit = if self.lines >= most_lines {
            Limit::LogRate
        } else if self.bytes + bytes > most_bytes {
            Limit::LogBytes
        } else {
            self.lines += 1;
            self.bytes += bytes;
            return None;
        };
        self.dropped += 1;
        Some(limit)
    }
}

/// A guest's text as it may be printed in an error message.
pub fn printable(text: &str) -> String {
    cut(text, SHOWN)
}

/// The text as it may be printed: cut to `limit` bytes, control characters escaped, and
/// with them those that turn the direction of writing.
fn cut(text: &str, limit: usize) -> String {
    let cut = text.floor_char_boundary(limit);
    let mut line = String::with_capacity(cut + 3);
    for c in text[..cut].chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    if cut < text.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Limits;

    fn log(limits: Limits) -> PluginLog {
        let meter = Arc::new(Meter::new(&limits));
        PluginLog::new("p".into(), 1, meter, Books::default().of("p"))
    }

    #[test]
    fn control_characters_are_escaped_and_other_scripts_kept() {
        assert_eq!(
            printable("größer 字\u{1b}[31mred\r\n"),
            "größer 字\\u{1b}[31mred\\r\\n"
        );
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let line = printable(&"ä".repeat(SHOWN));
        assert_eq!(line.chars().count(), SHOWN / 2 + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn lines_beyond_the_limit_are_counted() {
        let log = log(Limits {
            log_rate: 2,
            ..Limits::default()
        });
        for _ in 0..5 {
            log.line(Level::Info, "", "again");
        }
        let hits = |limit| log.meter.hits(limit);
        assert_eq!((hits(Limit::LogRate), hits(Limit::LogBytes)), (3, 0));
        let mut second = log.second.lock();
        assert_eq!((second.lines, second.dropped), (2, 3));
        let later = second.began + Duration::from_secs(2);
        assert_eq!(second.roll(later), 3);
        assert_eq!((second.lines, second.bytes, second.dropped), (0, 0, 0));
    }

    #[test]
    fn bytes_beyond_the_limit_are_counted_as_they_are_written() {
        let log = log(Limits {
            log_line: 100,
            log_bytes: 250,
            ..Limits::default()
        });
        // Cut to 100 bytes each: two fit, and then what is short enough.
        for _ in 0..3 {
            log.line(Level::Info, "", &"x".repeat(1_000));
        }
        log.line(Level::Info, "context", "fits");
        let meter = &log.meter;
        assert_eq!(
            [Limit::LogBytes, Limit::LogRate, Limit::LogLine].map(|limit| meter.hits(limit)),
            [1, 0, 2]
        );
        assert_eq!(
            [Limit::LogBytes, Limit::LogRate, Limit::LogLine].map(|limit| meter.high_water(limit)),
            [211, 3, 100]
        );
    }
}
