//! A guest's stdout and stderr, cut into lines for the plugin's log.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::{Level, PluginLog, SHOWN, printable};
#[cfg(test)]
use crate::plugin::{limits::Limits, meter::Meter};

/// Bytes a guest may write at once.
const CHUNK: usize = 4 << 10;

/// Both streams of one instance.
#[derive(Clone)]
pub struct Captured {
    out: Stream,
    err: Stream,
    /// Something was said since the call began. Nearly always false, and then a call
    /// takes no lock.
    spoke: Arc<AtomicBool>,
}

/// One stream. Clones write to the same line, as WASI wants it.
#[derive(Clone)]
struct Stream {
    level: Level,
    log: Arc<PluginLog>,
    line: Arc<Mutex<Line>>,
    spoke: Arc<AtomicBool>,
}

#[derive(Default)]
struct Line {
    /// The line that has not ended yet, at most one byte more of it than is logged.
    open: Vec<u8>,
    /// What was said since the call began, for the error report of a trap; at most
    /// [`SHOWN`] bytes.
    words: String,
}

impl Captured {
    pub fn new(log: Arc<PluginLog>) -> Self {
        let spoke = Arc::new(AtomicBool::new(false));
        let stream = |level| Stream {
            level,
            log: Arc::clone(&log),
            line: Arc::default(),
            spoke: Arc::clone(&spoke),
        };
        Self {
            out: stream(Level::Info),
            err: stream(Level::Error),
            spoke,
        }
    }

    pub(in crate::plugin) fn stdout(&self) -> impl StdoutStream + 'static {
        self.out.clone()
    }

    pub(in crate::plugin) fn stderr(&self) -> impl StdoutStream + 'static {
        self.err.clone()
    }

    /// Notes an error that came another way (`wasi:logging`).
    pub fn note(&self, message: &str) {
        self.spoke.store(true, Ordering::Relaxed);
        self.err.line.lock().note(message);
    }

    /// Forgets what was said: a call begins.
    pub fn begin(&self) {
        if self.spoke.swap(false, Ordering::Relaxed) {
            self.err.line.lock().words.clear();
        }
    }

    /// Writes out lines that have no end yet.
    pub fn flush(&self) {
        if self.spoke.load(Ordering::Relaxed) {
            self.out.end_line();
            self.err.end_line();
        }
    }

    /// What the guest said in errors since the call began; none when nothing.
    pub fn last_words(&self) -> Option<String> {
        if !self.spoke.load(Ordering::Relaxed) {
            return None;
        }
        let line = self.err.line.lock();
        let words = line.words.trim();
        (!words.is_empty()).then(|| printable(words))
    }
}

impl Line {
    fn note(&mut self, message: &str) {
        let message = message.trim_end();
        if message.is_empty() || self.words.len() >= SHOWN {
            return;
        }
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words
            .push_str(&message[..message.floor_char_boundary(SHOWN)]);
    }
}

impl Stream {
    fn take(&self, bytes: &[u8]) {
        self.spoke.store(true, Ordering::Relaxed);
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.extend(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.extend(rest);
    }

    fn extend(&self, bytes: &[u8]) {
        let mut line = self.line.lock();
        // One more than fits, so that cutting sees that something was cut.
        let room = (self.log.line_limit() + 1).saturating_sub(line.open.len());
        let bytes = &bytes[..bytes.len().min(room)];
        line.open.extend_from_slice(bytes);
    }

    fn end_line(&self) {
        let text = {
            let mut line = self.line.lock();
            if line.open.is_empty() {
                return;
            }
            let open = std::mem::take(&mut line.open);
            let text = String::from_utf8_lossy(&open).into_owned();
            if self.level == Level::Error {
                line.note(&text);
            }
            text
        };
        let context = if self.level == Level::Error {
            "stderr"
        } else {
            "stdout"
        };
        self.log.line(self.level, context, &text);
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::log::Books;

    fn captured() -> Captured {
        let meter = Arc::new(Meter::new(&Limits::default()));
        let book = Books::default().of("p");
        Captured::new(Arc::new(PluginLog::new("p".into(), 1, meter, book)))
    }

    #[test]
    fn stderr_is_remembered_as_last_words_until_the_next_call() {
        let captured = captured();
        captured.err.take(b"panicked at src/lib.rs:7:\nboom");
        captured.flush();
        assert_eq!(
            captured.last_words().as_deref(),
            Some("panicked at src/lib.rs:7: boom")
        );
        captured.begin();
        assert_eq!(captured.last_words(), None);
    }

    #[test]
    fn a_line_that_never_ends_is_bounded() {
        let captured = captured();
        for _ in 0..100 {
            captured.out.take(&[b'x'; CHUNK]);
        }
        assert_eq!(
            captured.out.line.lock().open.len(),
            captured.out.log.line_limit() + 1
        );
    }
}
