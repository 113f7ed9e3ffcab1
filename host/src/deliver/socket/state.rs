//! What waits for one client, in order, and what is left of it when the client is too slow.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::close_code;
use crate::deliver::wire::Wire;

#[derive(Default)]
pub(super) struct State {
    pub queue: VecDeque<Queued>,
    /// Bytes of the first queued slice that are already sent.
    pub written: usize,
    pub event_bytes: usize,
    pub private_bytes: usize,
    /// First offset not sent: events are read from the log from here on.
    pub lag: Option<u64>,
    /// When the queue last moved, while it is not empty.
    pub moved: Option<Instant>,
    pub ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    #[default]
    Open,
    /// A close frame is queued; nothing may follow it.
    Closing,
    /// The socket is of no use any more.
    Broken,
}

pub(super) struct Queued {
    pub bytes: Bytes,
    pub kind: Kind,
}

/// What a queued slice counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For this connection alone; counts against `PRIVATE_LIMIT`.
    Private,
    /// Live events, the first of them with this offset; count against the limit.
    Live(u64),
    /// Events or history from a cursor, which reads on only when they are sent.
    CaughtUp,
}

impl State {
    /// Forgets what the kernel has taken.
    pub fn sent(&mut self, mut bytes: usize) {
        self.moved = self.moved.map(|_| Instant::now());
        while let Some(first) = self.queue.front() {
            let left = first.bytes.len() - self.written;
            if bytes < left {
                self.written += bytes;
                return;
            }
            bytes -= left;
            self.written = 0;
            let length = first.bytes.len();
            match first.kind {
                Kind::Live(_) => self.event_bytes -= length,
                Kind::Private => self.private_bytes -= length,
                Kind::CaughtUp => {}
            }
            self.queue.pop_front();
        }
    }

    /// Drops everything, except what is half sent, and says why.
    pub fn give_up(&mut self, wire: Wire) {
        self.queue.truncate(usize::from(self.written > 0));
        self.private_bytes = 0;
        self.event_bytes = 0;
        for kept in &mut self.queue {
            kept.kind = Kind::CaughtUp;
        }
        let code = close_code::SLOW_CONSUMER;
        self.queue.push_back(Queued {
            bytes: wire.close(code.code, code.reason).into(),
            kind: Kind::CaughtUp,
        });
        self.ending = Ending::Closing;
    }

    /// Drops queued events, except one that is half sent, and notes where to read on.
    pub fn become_cursor(&mut self) {
        let half_sent = usize::from(self.written > 0);
        let mut kept = VecDeque::with_capacity(self.queue.len());
        for (at, queued) in self.queue.drain(..).enumerate() {
            match queued.kind {
                Kind::Live(first) if at >= half_sent => {
                    self.lag.get_or_insert(first);
                    self.event_bytes -= queued.bytes.len();
                }
                _ => kept.push_back(queued),
            }
        }
        self.queue = kept;
    }
}
