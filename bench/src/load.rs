//! The load generator: some sockets on one endpoint, one of them publishing at a fixed rate.
//!
//! It shares the machine with the server, so it has to be cheap: few threads, level-triggered
//! epoll, reads of 64 KiB, frames counted by walking their headers, latency taken from a sample.
//! The rate is open-loop: a message carries the time at which it was due, so a server that falls
//! behind can't hide it by slowing the publisher down.

mod publisher;
mod reader;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;

use crate::connection::Connection;
use crate::proc_stat;
use crate::server::CHAT;
use reader::Reader;

/// After the last message, late deliveries are waited for so long.
const GRACE: Duration = Duration::from_secs(3);
/// `end` before the publisher knows the number of its last message.
const NOT_YET: u64 = u64::MAX;
/// Above this many deliveries a second only every 16th message's latency is taken.
const SAMPLE_ALL_BELOW: f64 = 100_000.0;

pub struct Load {
    readers: Vec<Reader>,
    subscribers: usize,
    /// The number of the next message; it goes on from run to run.
    next: u64,
}

/// What one run at a fixed rate found.
pub struct Outcome {
    /// Messages that were due and that went out.
    pub due: u64,
    pub sent: u64,
    pub delivered: u64,
    /// Deliveries that were skipped, repeated or out of order.
    pub lost: u64,
    pub disorder: u64,
    /// Every socket has seen the last message.
    pub complete: bool,
    /// A frame that wasn't a message, to say what the server complained about.
    pub complaint: Option<String>,
    pub latency: Histogram<u64>,
    /// CPU time of the load generator.
    pub client_cpu: Duration,
}

impl Outcome {
    pub fn is_faultless(&self) -> bool {
        let faults = self.lost + self.disorder;
        self.complete && faults == 0 && self.sent == self.due && self.complaint.is_none()
    }

    /// A quantile of the latency in milliseconds.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// Nanoseconds from 1 µs to a minute, three digits.
pub fn new_histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).context("histogram")
}

impl Load {
    /// Opens the sockets; the first one will publish and receives like the others.
    pub fn connect(server: SocketAddr, subscribers: usize, threads: usize) -> Result<Self> {
        Self::connect_at(server, CHAT, subscribers, threads)
    }

    pub fn connect_at(
        server: SocketAddr,
        path: &str,
        subscribers: usize,
        threads: usize,
    ) -> Result<Self> {
        let mut readers: Vec<Reader> =
            (0..threads).map(|_| Reader::new()).collect::<Result<_>>()?;
        for n in 0..subscribers {
            let connection = Connection::open_at(server, path)
                .with_context(|| format!("socket {} of {subscribers}", n + 1))?;
            readers[n % threads].add(connection)?;
        }
        Ok(Load {
            readers,
            subscribers,
            next: 0,
        })
    }

    /// Publishes `rate` messages a second for `duration`, and reads until all have arrived
    /// everywhere or the grace is over.
    pub fn run(&mut self, rate: f64, duration: Duration) -> Result<Outcome> {
        let every = if rate * self.subscribers as f64 <= SAMPLE_ALL_BELOW {
            1
        } else {
            16
        };
        let outbox = self
            .readers
            .first()
            .and_then(Reader::first_outbox)
            .context("no sockets")?;
        let end = AtomicU64::new(NOT_YET);
        let first = self.next;
        let cpu = proc_stat::own_cpu();
        let give_up = Instant::now() + duration + GRACE;
        let (published, tallies) = std::thread::scope(|scope| {
            let readers: Vec<_> = self
                .readers
                .iter_mut()
                .map(|reader| scope.spawn(|| reader.run(first, every, &end, give_up)))
                .collect();
            let published = publisher::publish(&outbox, first, rate, duration);
            // On failure too: the readers must not wait for messages that never left.
            let sent = published.as_ref().map_or(0, |published| published.sent);
            end.store(first + sent, Ordering::Release);
            let tallies: Result<Vec<_>> = readers
                .into_iter()
                .map(|reader| reader.join().map_err(|_| anyhow!("a reader panicked"))?)
                .collect();
            (published, tallies)
        });
        // A reader knows best why the server hung up, so its error comes first.
        let (tallies, published) = (tallies?, published?);
        self.next = first + published.sent;
        let mut outcome = Outcome {
            due: published.due,
            sent: published.sent,
            delivered: 0,
            lost: 0,
            disorder: 0,
            complete: true,
            complaint: None,
            latency: new_histogram()?,
            client_cpu: proc_stat::own_cpu().saturating_sub(cpu),
        };
        for tally in tallies {
            outcome.delivered += tally.delivered;
            outcome.lost += tally.lost;
            outcome.disorder += tally.disorder;
            outcome.complete &= tally.complete;
            outcome.complaint = outcome.complaint.or(tally.complaint);
            outcome
                .latency
                .add(&tally.latency)
                .context("merge histograms")?;
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{serve_axum, server};

    #[test]
    fn every_message_reaches_every_socket_of_the_reference_server() {
        let address = server::free_address().unwrap();
        // Ends with the test's process; it has nothing to tidy up.
        std::thread::spawn(move || serve_axum::run(&serve_axum::Args { listen: address }));
        let give_up = Instant::now() + Duration::from_secs(10);
        let mut load = loop {
            match Load::connect(address, 10, 2) {
                Ok(load) => break load,
                Err(error) => assert!(Instant::now() < give_up, "{error:#}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        for _ in 0..2 {
            let outcome = load.run(2_000.0, Duration::from_millis(200)).unwrap();
            assert!(outcome.is_faultless());
            assert_eq!((outcome.sent, outcome.delivered), (400, 4_000));
            assert_eq!(outcome.latency.len(), 4_000);
        }
    }
}
