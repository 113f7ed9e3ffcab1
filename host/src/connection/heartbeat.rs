//! When to ping, and when to give a client up.

use std::time::{Duration, Instant};

use crate::deliver::Outbox;

/// The timing of one connection.
pub struct Heartbeat {
    ping: Duration,
    pong_timeout: Duration,
    write_timeout: Duration,
    /// When anything was last received.
    heard: Instant,
    /// The ping that waits for a sign of life.
    pinged: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Ping,
    /// No sign of life within the pong timeout.
    Dead,
    /// The socket has taken nothing within the write timeout.
    Stuck,
}

impl Heartbeat {
    pub fn new(ping: Duration, pong_timeout: Duration, write_timeout: Duration) -> Self {
        Self {
            ping,
            pong_timeout,
            write_timeout,
            heard: Instant::now(),
            pinged: None,
        }
    }

    /// Anything received is a sign of life.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
        self.pinged = None;
    }

    /// When to look again.
    pub fn next(&self, outbox: &Outbox) -> Instant {
        let life = self
            .pinged
            .map_or(self.heard + self.ping, |at| at + self.pong_timeout);
        match outbox.stuck_since() {
            Some(since) => life.min(since + self.write_timeout),
            None => life,
        }
    }

    pub fn due(&mut self, outbox: &Outbox, now: Instant) -> Due {
        if outbox
            .stuck_since()
            .is_some_and(|since| now >= since + self.write_timeout)
        {
            return Due::Stuck;
        }
        match self.pinged {
            Some(at) if now >= at + self.pong_timeout => Due::Dead,
            None if now >= self.heard + self.ping => {
                self.pinged = Some(now);
                Due::Ping
            }
            _ => Due::Nothing,
        }
    }
}
