//! The task of one connection.
//!
//! It sleeps until something concerns it: bytes from the client, a socket that takes
//! bytes again, a message that came back, a timer. Live events do not wake it; fan-out
//! writes them itself. Judging and reading the log run beside the rest, so that pings
//! and closes are served meanwhile.

use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument as _;

use crate::close_code;
use crate::deliver::socket::Ending;
use crate::endpoint::Work;
use crate::frame;
use crate::plugin::Cause;

use super::heartbeat::{Due, Heartbeat};
use super::inbox::{Inbox, Received};
use super::{Connection, cursor, expiry, goodbye, message, start};

/// How long a client may take to answer our close frame.
const CLOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

struct Session {
    connection: Arc<Connection>,
    inbox: Inbox,
    heartbeat: Heartbeat,
    /// The message being judged.
    judging: Option<Work>,
    /// The piece of log being read.
    reading: Option<Work>,
    /// The `open` hook or the read of history is under way. Messages wait: they must see
    /// what `open` has set, and be events and not history.
    starting: bool,
    /// Why it ends, as the `close` hook hears it.
    cause: Option<Cause>,
    /// When the client must have answered our close frame.
    close_by: Option<Instant>,
}

/// Runs a connection from its handshake to its end. `early` are bytes that came right
/// behind the handshake.
pub async fn run(connection: Arc<Connection>, mut early: Vec<u8>) {
    let endpoint = connection.endpoint.clone();
    let timing = endpoint.timing();
    let mut session = Session {
        inbox: Inbox::new(endpoint.settings.load().message_limit),
        heartbeat: Heartbeat::new(timing.ping, timing.pong_timeout, timing.write_timeout),
        judging: None,
        reading: Some(Work::new(&endpoint, start::start(connection.clone()))),
        starting: true,
        cause: None,
        close_by: None,
        connection,
    };
    session.inbox.feed(&mut early);
    session.arrived();
    session.serve().await;
    // Boxed, like all that calls guests: an idle connection must not hold room for it.
    Box::pin(session.finish()).await;
}

impl Session {
    async fn serve(&mut self) {
        let connection = self.connection.clone();
        let outbox = &connection.outbox;
        let Some(stream) = outbox.stream() else {
            return;
        };
        loop {
            match outbox.ending() {
                Ending::Broken => return,
                Ending::Closing if !outbox.is_waiting() => {
                    if self.cause.is_some() {
                        return;
                    }
                    self.close_by
                        .get_or_insert_with(|| Instant::now() + CLOSE_TIMEOUT);
                }
                _ => {}
            }
            self.begin_work();
            let alarm = self.close_by.unwrap_or_else(|| self.heartbeat.next(outbox));
            let alarm = expiry::alarm(&connection, alarm);
            tokio::select! {
                () = finished(&mut self.judging) => self.judging = None,
                () = finished(&mut self.reading) => {
                    self.reading = None;
                    self.starting = false;
                }
                // One read in advance: enough to see pings while a message is judged.
                _ = stream.readable(), if self.inbox.received.is_empty() => {
                    if !self.receive() {
                        return;
                    }
                }
                _ = stream.writable(), if outbox.is_waiting() => outbox.flush(),
                () = outbox.woken() => {}
                () = connection.lane.returned(), if self.judging.is_none() => {
                    let again = message::judge_again(connection.clone());
                    self.judging = Some(Work::new(&connection.endpoint, again));
                }
                () = tokio::time::sleep_until(alarm.into()) => {
                    if self.close_by.is_some() || !self.tick() {
                        return;
                    }
                }
            }
        }
    }

    /// Starts what is next, where nothing is under way: judging a message, reading on in
    /// the log.
    fn begin_work(&mut self) {
        while !self.starting
            && self.judging.is_none()
            && self.cause.is_none()
            && let Some(received) = self.inbox.received.pop_front()
        {
            self.serve_one(received);
        }
        if self.reading.is_none()
            && let Some(next) = self.connection.outbox.lag()
        {
            let advance = cursor::advance(self.connection.clone(), next);
            self.reading = Some(Work::new(&self.connection.endpoint, advance));
        }
    }

    fn serve_one(&mut self, received: Received) {
        let outbox = &self.connection.outbox;
        match received {
            // After our close frame nothing can be answered any more.
            Received::Text(_) | Received::Binary(_) | Received::TooLarge(_)
                if outbox.ending() != Ending::Open => {}
            Received::Text(text) => {
                let message = message::text(self.connection.clone(), text);
                let span = tracing::debug_span!("message", msg_id = tracing::field::Empty);
                let endpoint = &self.connection.endpoint;
                self.judging = Some(Work::new(endpoint, message.instrument(span)));
            }
            // JSON is JSON in whatever frame it comes.
            Received::Binary(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.serve_one(Received::Text(text)),
                Err(_) => message::unsupported(&self.connection, None),
            },
            Received::TooLarge(size) => message::unsupported(&self.connection, Some(size)),
            Received::Close(said) => {
                outbox.end(match &said {
                    Some((code, _)) => frame::close(*code, ""),
                    None => frame::close_empty(),
                });
                let (code, reason) = said.unwrap_or((close_code::NO_STATUS, String::new()));
                self.cause = Some(Cause {
                    code,
                    reason,
                    clean: true,
                });
            }
            Received::Violation(violation) => {
                outbox.close(violation.code, violation.reason);
                self.cause = Some(Cause {
                    code: violation.code,
                    reason: violation.reason.to_owned(),
                    clean: false,
                });
            }
            // Served on arrival.
            Received::Ping(_) | Received::Pong => {}
        }
    }

    /// Reads from the socket; false at its end.
    fn receive(&mut self) -> bool {
        let stream = self.connection.outbox.stream();
        let open = stream.is_some_and(|stream| self.inbox.read(stream));
        self.arrived();
        open
    }

    /// Answers pings ahead of the messages before them, which may take their time.
    fn arrived(&mut self) {
        self.heartbeat.heard();
        let outbox = &self.connection.outbox;
        self.inbox.received.retain(|received| match received {
            Received::Ping(payload) => {
                outbox.push(frame::pong(payload));
                false
            }
            Received::Pong => false,
            _ => true,
        });
    }

    /// A timer has run out; false when the client is given up.
    fn tick(&mut self) -> bool {
        if expiry::close(&self.connection) {
            return true;
        }
        let outbox = &self.connection.outbox;
        let reason = match self.heartbeat.due(outbox, Instant::now()) {
            Due::Nothing => return true,
            Due::Ping => {
                outbox.push(frame::ping());
                return true;
            }
            Due::Dead => "no answer to a ping",
            Due::Stuck => "the client takes no bytes",
        };
        outbox.close(close_code::HEARTBEAT_TIMEOUT.code, reason);
        self.cause = Some(Cause {
            code: close_code::HEARTBEAT_TIMEOUT.code,
            reason: reason.into(),
            clean: false,
        });
        false
    }

    /// The connection is over: tell fan-out, then the plugins.
    async fn finish(mut self) {
        if self.starting
            && let Some(start) = self.reading.take()
        {
            start.await;
        }
        // What has arrived is not dropped because its sender did not wait for the answer.
        if let Some(judging) = self.judging.take() {
            judging.await;
        }
        let connection = &self.connection;
        let endpoint = &connection.endpoint;
        // Unless it was us who closed.
        let closed = self.cause.is_none() && connection.outbox.ending() == Ending::Closing;
        for received in self.inbox.received.drain(..).filter(|_| !closed) {
            let text = match received {
                Received::Text(text) => Some(text),
                Received::Binary(bytes) => String::from_utf8(bytes).ok(),
                _ => None,
            };
            if let Some(text) = text {
                Work::new(endpoint, message::text(connection.clone(), text)).await;
            }
        }
        Work::new(endpoint, message::judge_again(connection.clone())).await;
        let cause = self.cause.take().unwrap_or_else(|| Cause {
            code: close_code::ABNORMAL,
            reason: "the connection broke".into(),
            clean: false,
        });
        goodbye::leave(connection, cause).await;
    }
}

/// Waits for work to end; for ever if there is none.
async fn finished(work: &mut Option<Work>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, F: Future>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let size = size_of_future(run);
        assert!(size < 2_048, "{size} bytes");
    }
}
