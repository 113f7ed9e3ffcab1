//! The receiving side: one thread, one epoll, many sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::{NOT_YET, new_histogram};
use crate::connection::{Connection, Outbox, READ_BUFFER};
use crate::epoll::Epoll;
use crate::marker::{self, Finder};

/// How often the end is looked for when nothing comes.
const WAIT: Duration = Duration::from_millis(5);
const LONGEST_COMPLAINT: usize = 300;

pub struct Reader {
    epoll: Epoll,
    subscribers: Vec<Subscriber>,
    buffer: Vec<u8>,
}

struct Subscriber {
    connection: Connection,
    finder: Finder,
    /// The number of the message that should come next.
    next: u64,
}

pub struct Tally {
    pub delivered: u64,
    pub lost: u64,
    pub disorder: u64,
    pub complete: bool,
    pub complaint: Option<String>,
    pub latency: Histogram<u64>,
}

impl Reader {
    pub fn new() -> Result<Self> {
        Ok(Reader {
            epoll: Epoll::new()?,
            subscribers: Vec::new(),
            buffer: vec![0; READ_BUFFER],
        })
    }

    pub fn add(&mut self, connection: Connection) -> Result<()> {
        self.epoll
            .add(connection.stream(), self.subscribers.len())?;
        self.subscribers.push(Subscriber {
            connection,
            finder: Finder::default(),
            next: 0,
        });
        Ok(())
    }

    pub fn first_outbox(&self) -> Option<Arc<Outbox>> {
        self.subscribers
            .first()
            .map(|subscriber| subscriber.connection.outbox())
    }

    /// Reads messages `first..end` on every socket; `end` is set by the publisher when it is done.
    pub fn run(
        &mut self,
        first: u64,
        every: u64,
        end: &AtomicU64,
        give_up: Instant,
    ) -> Result<Tally> {
        let mut tally = Tally {
            delivered: 0,
            lost: 0,
            disorder: 0,
            complete: false,
            complaint: None,
            latency: new_histogram()?,
        };
        for subscriber in &mut self.subscribers {
            subscriber.next = first;
        }
        while Instant::now() < give_up {
            for &index in self.epoll.wait(WAIT)? {
                let subscriber = self
                    .subscribers
                    .get_mut(index)
                    .context("an unknown socket")?;
                subscriber.read(&mut self.buffer, first, every, &mut tally)?;
            }
            let end = end.load(Ordering::Acquire);
            if end != NOT_YET
                && self
                    .subscribers
                    .iter()
                    .all(|subscriber| subscriber.next >= end)
            {
                tally.complete = true;
                break;
            }
        }
        Ok(tally)
    }
}

impl Subscriber {
    fn read(&mut self, buffer: &mut [u8], first: u64, every: u64, tally: &mut Tally) -> Result<()> {
        let Subscriber {
            connection,
            finder,
            next,
        } = self;
        // One look at the clock per read, at the first sample: the frames of a read came together.
        let mut now = None;
        connection.read(buffer, |payload| {
            let Some(mark) = finder.find(payload) else {
                tally.complaint.get_or_insert_with(|| excerpt(payload));
                return;
            };
            let number = mark.number();
            if number < first {
                // A straggler of an earlier run that was given up.
                return;
            }
            tally.delivered += 1;
            if number < *next {
                tally.disorder += 1;
                return;
            }
            tally.lost += number - *next;
            *next = number + 1;
            if number.is_multiple_of(every) {
                let now = *now.get_or_insert_with(|| marker::nanoseconds(Instant::now()));
                tally
                    .latency
                    .saturating_record(now.saturating_sub(mark.due()).max(1));
            }
        })?;
        Ok(())
    }
}

fn excerpt(payload: &[u8]) -> String {
    let shown = &payload[..payload.len().min(LONGEST_COMPLAINT)];
    String::from_utf8_lossy(shown).into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;
    use crate::{serve_floor, websocket};

    /// A server that sends messages with these numbers, in pieces that cut frames in the middle.
    fn receive(numbers: &'static [u64], end: u64) -> Tally {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut socket = serve_floor::accept(&listener).unwrap();
            let mut bytes = Vec::new();
            websocket::write_unmasked(&mut bytes, websocket::PING, b"are you there");
            for &number in numbers {
                websocket::write_unmasked(&mut bytes, websocket::TEXT, &marker::payload(number, 1));
            }
            websocket::write_unmasked(&mut bytes, websocket::TEXT, br#"{"_error":{}}"#);
            for piece in bytes.chunks(100) {
                socket.write_all(piece).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
            socket
        });
        let mut reader = Reader::new().unwrap();
        reader.add(Connection::open(address).unwrap()).unwrap();
        let give_up = Instant::now() + Duration::from_millis(500);
        let tally = reader.run(5, 1, &AtomicU64::new(end), give_up).unwrap();
        drop(server.join().unwrap());
        tally
    }

    #[test]
    fn messages_in_order_are_complete_and_stragglers_of_an_earlier_run_are_ignored() {
        let tally = receive(&[3, 4, 5, 6, 7], 8);
        assert_eq!((tally.delivered, tally.lost, tally.disorder), (3, 0, 0));
        assert!(tally.complete);
        assert_eq!(tally.latency.len(), 3);
    }

    #[test]
    fn a_gap_a_repeat_and_a_missing_end_are_seen() {
        let tally = receive(&[5, 6, 8, 8, 7], 10);
        assert_eq!((tally.delivered, tally.lost, tally.disorder), (5, 1, 2));
        assert!(!tally.complete);
        assert_eq!(tally.complaint.as_deref(), Some(r#"{"_error":{}}"#));
    }
}
