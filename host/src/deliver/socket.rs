//! The way out to one client: a bounded queue of ready-made bytes in front of a socket.
//!
//! Whoever has bytes writes them at once if the socket takes them; only what it does not
//! take is queued, and then the connection's own task writes on when it can. So fan-out
//! serves a thousand idle-waiting connections without waking one of their tasks.
//!
//! Events that overflow the queue are dropped here and read again from the log: the
//! connection becomes a *cursor* at its first unsent offset. What is for this connection
//! alone (answers, pings) can't be read again, so its queue overflowing closes it.
//!
//! Where the client has asked by plain HTTP, nobody writes to a socket: the task of its
//! answer takes what is queued, and the same limits hold.

mod state;

use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Reply;
use super::wire::Wire;

pub use state::Ending;
use state::{Kind, Queued, State};

/// Bytes of answers that may wait for one client.
const PRIVATE_LIMIT: usize = 256 * 1024;

/// Slices handed to the kernel in one call.
const VECTORS: usize = 16;

/// Encoded events, shared by all subscribers of a class.
#[derive(Debug, Clone)]
pub struct Slice {
    pub bytes: Bytes,
    /// Offset of the first event that may be in it: where a cursor starts that lost it.
    pub first: u64,
}

pub struct Outbox {
    way: Way,
    wire: Wire,
    /// Bytes of events that may wait.
    limit: usize,
    state: Mutex<State>,
    /// Something for the connection's task: bytes that wait, a lag, an end.
    wake: Notify,
}

/// Where queued bytes go.
enum Way {
    Socket(TcpStream),
    /// To the task of an HTTP answer.
    Answer {
        /// What the host has to say about a message is no part of the bytes: the task makes
        /// a status of it.
        reply: Mutex<Option<Reply>>,
        /// Whether plugins can send to it.
        sends: bool,
    },
}

/// What became of offered events.
#[derive(Debug, PartialEq, Eq)]
pub enum Offered {
    /// Sent or queued.
    Taken,
    /// The connection has fallen behind (or is gone) and reads the log from now on.
    Behind,
}

impl Outbox {
    /// The way to a WebSocket.
    pub fn new(stream: TcpStream, limit: usize) -> Self {
        Self::through(Way::Socket(stream), Wire::WebSocket, limit)
    }

    /// The way into a stream of events.
    pub fn for_stream(limit: usize) -> Self {
        Self::for_answer(Wire::Events, limit, true)
    }

    /// The way into the answer to a message. No events go there.
    pub fn for_sender() -> Self {
        Self::for_answer(Wire::Elements, 0, true)
    }

    /// The way into an answer that holds a part of the log, and nothing that plugins say to
    /// a connection which is gone in a moment. No live event waits: the first one makes a
    /// cursor of its subscriber.
    pub fn for_reader() -> Self {
        Self::for_answer(Wire::Elements, 0, false)
    }

    fn for_answer(wire: Wire, limit: usize, sends: bool) -> Self {
        let reply = Mutex::default();
        Self::through(Way::Answer { reply, sends }, wire, limit)
    }

    fn through(way: Way, wire: Wire, limit: usize) -> Self {
        Self {
            way,
            wire,
            limit,
            state: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// The socket of a WebSocket.
    pub fn stream(&self) -> Option<&TcpStream> {
        match &self.way {
            Way::Socket(stream) => Some(stream),
            Way::Answer { .. } => None,
        }
    }

    /// Whether plugins can send to this connection alone.
    pub fn takes_sends(&self) -> bool {
        !matches!(self.way, Way::Answer { sends: false, .. })
    }

    /// Whether answers of the host are kept for a task and not sent as texts.
    pub fn keeps_replies(&self) -> bool {
        matches!(self.way, Way::Answer { .. })
    }

    /// Keeps the first answer of the host for the task; gives it back where there is none.
    pub fn keep(&self, reply: Reply) -> Option<Reply> {
        let Way::Answer { reply: kept, .. } = &self.way else {
            return Some(reply);
        };
        kept.lock().get_or_insert(reply);
        self.wake.notify_one();
        None
    }

    /// The answer that was kept.
    pub fn reply(&self) -> Option<Reply> {
        match &self.way {
            Way::Socket(_) => None,
            Way::Answer { reply, .. } => reply.lock().take(),
        }
    }

    /// The next bytes for the task of an HTTP answer.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        let bytes = state.queue.front()?.bytes.clone();
        state.sent(bytes.len());
        if state.queue.is_empty() {
            state.moved = None;
        }
        Some(bytes)
    }

    /// Sends what is for this connection alone.
    pub fn push(&self, bytes: impl Into<Bytes>) {
        self.offer(Some(bytes.into()), None);
    }

    /// Sends answers, then events: in one write if the socket takes it.
    pub fn offer(&self, private: Option<Bytes>, events: Option<Slice>) -> Offered {
        let mut state = self.state.lock();
        if state.ending != Ending::Open {
            return Offered::Behind;
        }
        if let Some(bytes) = private {
            state.private_bytes += bytes.len();
            state.queue.push_back(Queued {
                bytes,
                kind: Kind::Private,
            });
        }
        let behind = events.is_some() && state.lag.is_some();
        if let (Some(slice), false) = (events, behind) {
            state.event_bytes += slice.bytes.len();
            state.queue.push_back(Queued {
                bytes: slice.bytes,
                kind: Kind::Live(slice.first),
            });
        }
        // Somebody else is waiting for the socket already if the queue was not empty.
        if state.moved.is_none() {
            self.write(&mut state);
        }
        self.enforce_limits(&mut state);
        if behind || state.lag.is_some() {
            Offered::Behind
        } else {
            Offered::Taken
        }
    }

    /// Queues a close frame, or what stands for it, behind what is there; nothing more is
    /// accepted.
    pub fn close(&self, code: u16, reason: &str) {
        self.end(self.wire.close(code, reason));
    }

    /// As `close`, with the frame given.
    pub fn end(&self, close_frame: Vec<u8>) {
        let mut state = self.state.lock();
        if state.ending == Ending::Open {
            state.queue.push_back(Queued {
                bytes: close_frame.into(),
                kind: Kind::CaughtUp,
            });
            if state.moved.is_none() {
                self.write(&mut state);
            }
            if state.ending == Ending::Open {
                state.ending = Ending::Closing;
            }
            self.wake.notify_one();
        }
    }

    /// Writes what waits, as far as the socket takes it.
    pub fn flush(&self) {
        self.write(&mut self.state.lock());
    }

    /// True while bytes wait for the socket.
    pub fn is_waiting(&self) -> bool {
        self.state.lock().moved.is_some()
    }

    /// Since when no waiting byte has left.
    pub fn stuck_since(&self) -> Option<Instant> {
        self.state.lock().moved
    }

    pub fn ending(&self) -> Ending {
        self.state.lock().ending
    }

    /// Where to read on from the log, once everything queued is sent.
    pub fn lag(&self) -> Option<u64> {
        let state = self.state.lock();
        if state.queue.is_empty() && state.ending == Ending::Open {
            state.lag
        } else {
            None
        }
    }

    /// The first event that will be read from the log; none while live.
    pub fn next_from_log(&self) -> Option<u64> {
        self.state.lock().lag
    }

    /// The connection starts as a cursor, or has caught up (`None`) and is live.
    pub fn set_lag(&self, from: Option<u64>) {
        self.state.lock().lag = from;
    }

    /// The next call for the connection's task.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Events from a cursor; they do not count against the live limit, because the
    /// cursor reads no more before they are sent.
    pub fn push_caught_up(&self, bytes: Vec<u8>, next: u64) {
        let mut state = self.state.lock();
        if state.ending == Ending::Open {
            state.lag = Some(next);
            if !bytes.is_empty() {
                state.queue.push_back(Queued {
                    bytes: bytes.into(),
                    kind: Kind::CaughtUp,
                });
            }
            if state.moved.is_none() {
                self.write(&mut state);
            }
        }
    }

    fn write(&self, state: &mut State) {
        let Way::Socket(stream) = &self.way else {
            if !state.queue.is_empty() {
                state.moved = Some(Instant::now());
                self.wake.notify_one();
            }
            return;
        };
        while !state.queue.is_empty() {
            let mut vectors = [IoSlice::new(&[]); VECTORS];
            let mut count = 0;
            for (vector, queued) in vectors.iter_mut().zip(&state.queue) {
                let skip = if count == 0 { state.written } else { 0 };
                *vector = IoSlice::new(&queued.bytes[skip..]);
                count += 1;
            }
            match stream.try_write_vectored(&vectors[..count]) {
                Ok(sent) => state.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if state.moved.is_none() {
                        state.moved = Some(Instant::now());
                        self.wake.notify_one();
                    }
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    *state = State {
                        ending: Ending::Broken,
                        ..State::default()
                    };
                    self.wake.notify_one();
                    return;
                }
            }
        }
        state.moved = None;
    }

    fn enforce_limits(&self, state: &mut State) {
        if state.event_bytes > self.limit && state.lag.is_none() {
            state.become_cursor();
            if self.keeps_replies() && state.queue.is_empty() {
                state.moved = None;
            }
            if self.limit > 0 {
                metrics::counter!("hookcast_slow_consumers_total").increment(1);
            }
            self.wake.notify_one();
        }
        if state.private_bytes > PRIVATE_LIMIT && state.ending == Ending::Open {
            metrics::counter!("hookcast_private_overflows_total").increment(1);
            state.give_up(self.wire);
            self.wake.notify_one();
        }
    }
}
