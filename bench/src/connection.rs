//! One WebSocket of the load generator: reading in large pieces, writing without blocking.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

use crate::server::CHAT;
use crate::websocket::{self, CLOSE, PING, PONG, TEXT};

/// One read takes up to so much: at full speed several hundred frames.
pub const READ_BUFFER: usize = 64 * 1024;

pub struct Connection {
    stream: Arc<TcpStream>,
    outbox: Arc<Outbox>,
    /// The start of a frame whose end hasn't come yet.
    cut: Vec<u8>,
}

impl Connection {
    /// Opens a WebSocket on the endpoint that every server under test has.
    pub fn open(server: SocketAddr) -> Result<Self> {
        Self::open_at(server, CHAT)
    }

    pub fn open_at(server: SocketAddr, path: &str) -> Result<Self> {
        let (stream, rest) = websocket::connect(server, path)?;
        let stream = Arc::new(stream);
        let outbox = Arc::new(Outbox {
            stream: stream.clone(),
            pending: Mutex::default(),
        });
        Ok(Connection {
            stream,
            outbox,
            cut: rest,
        })
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The writing side; it may be used on another thread than the reading side.
    pub fn outbox(&self) -> Arc<Outbox> {
        self.outbox.clone()
    }

    /// Reads once and hands the payload of each complete text frame to `on_text`. `buffer` is
    /// shared by the connections of a thread. False when nothing could be read.
    pub fn read(&mut self, buffer: &mut [u8], mut on_text: impl FnMut(&[u8])) -> Result<bool> {
        let kept = self.cut.len();
        ensure!(
            kept < buffer.len(),
            "a frame is longer than the buffer of {} bytes",
            buffer.len()
        );
        buffer[..kept].copy_from_slice(&self.cut);
        let length = match (&*self.stream).read(&mut buffer[kept..]) {
            Ok(0) => bail!("the server closed the socket"),
            Ok(length) => length,
            // What came with the handshake may be whole already.
            Err(error) if is_busy(&error) => 0,
            Err(error) => return Err(error).context("read from the server"),
        };
        let mut rest = &buffer[..kept + length];
        while let Some(frame) = websocket::first_frame(rest)? {
            match frame.opcode {
                TEXT => on_text(frame.payload),
                PING => {
                    self.outbox
                        .send(|out| websocket::write_masked(out, PONG, frame.payload))?;
                }
                CLOSE => {
                    let code = frame
                        .payload
                        .first_chunk()
                        .map(|code| u16::from_be_bytes(*code));
                    bail!("the server closed the WebSocket with code {code:?}");
                }
                _ => {}
            }
            rest = &rest[frame.length..];
        }
        self.cut.clear();
        self.cut.extend_from_slice(rest);
        Ok(length > 0)
    }
}

/// Bytes on their way to the server. Behind a lock, because the publisher's thread writes messages
/// while the reader's thread answers pings; only whole frames enter, so they never mix.
pub struct Outbox {
    stream: Arc<TcpStream>,
    pending: Mutex<Vec<u8>>,
}

impl Outbox {
    /// Appends frames and writes what the socket takes. Gives the number of bytes still waiting.
    pub fn send(&self, append: impl FnOnce(&mut Vec<u8>)) -> Result<usize> {
        // A panic elsewhere leaves the bytes as they were; there is nothing to protect from.
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        append(&mut pending);
        let mut written = 0;
        while written < pending.len() {
            match (&*self.stream).write(&pending[written..]) {
                Ok(length) => written += length,
                Err(error) if is_busy(&error) => break,
                Err(error) => return Err(error).context("write to the server"),
            }
        }
        pending.drain(..written);
        Ok(pending.len())
    }

    pub fn flush(&self) -> Result<usize> {
        self.send(|_| {})
    }
}

fn is_busy(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
