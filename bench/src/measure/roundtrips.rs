//! Own-message round trips: each connection sends, waits for its own echo, and sends again. Each
//! hears only itself: on Hookcast by a filter (`?topic=07`), on the reference by a room of its own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::connection::{Connection, READ_BUFFER};
use crate::epoll::Epoll;
use crate::marker::{self, Finder};
use crate::server::{CHAT, Kind, Setup};
use crate::sync_time;
use crate::websocket::{self, TEXT};

pub const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_secs(3);
const WAIT: Duration = Duration::from_millis(20);
/// A message's number says whose it is; another's echo is an error.
const NUMBERS_EACH: u64 = 1 << 32;

#[derive(Clone, Copy, Serialize)]
pub struct Roundtrips {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// One append with `fdatasync`, measured just before and after in the same directory.
    pub sync_us: f64,
    /// Round trips a second if each sync carried one message of each connection.
    pub sync_bound: f64,
}

struct Talker {
    topic: usize,
    connection: Connection,
    finder: Finder,
    /// The number of the message whose echo is awaited, and when it was sent.
    awaited: u64,
    sent: Instant,
}

impl Talker {
    fn send(&mut self, number: u64) -> Result<()> {
        self.awaited = number;
        self.sent = Instant::now();
        let payload = marker::payload_on(self.topic, number, 0);
        self.connection
            .outbox()
            .send(|out| websocket::write_masked(out, TEXT, &payload))?;
        Ok(())
    }
}

pub fn run(setup: &Setup, kind: Kind) -> Result<Roundtrips> {
    let sync_before = sync_time::median(&setup.dir)?;
    let server = setup.start(kind)?;
    let mut epoll = Epoll::new()?;
    let mut talkers = Vec::with_capacity(CONNECTIONS);
    for index in 0..CONNECTIONS {
        let path = match kind {
            Kind::Axum => format!("{CHAT}/{index:02}"),
            Kind::Hookcast => format!("{CHAT}?topic={index:02}"),
        };
        let connection = Connection::open_at(server.address, &path)?;
        epoll.add(connection.stream(), index)?;
        let finder = Finder::default();
        talkers.push(Talker {
            topic: index,
            connection,
            finder,
            awaited: 0,
            sent: Instant::now(),
        });
    }
    for (index, talker) in talkers.iter_mut().enumerate() {
        talker.send(index as u64 * NUMBERS_EACH)?;
    }
    talk(&mut epoll, &mut talkers, WARM_UP)?;
    let start = Instant::now();
    let latency = talk(&mut epoll, &mut talkers, WINDOW)
        .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
    let took = start.elapsed().as_secs_f64();
    drop(talkers);
    drop(server);
    let sync = f64::midpoint(
        sync_before.as_secs_f64(),
        sync_time::median(&setup.dir)?.as_secs_f64(),
    );
    let milliseconds = |quantile| latency.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Roundtrips {
        per_second: latency.len() as f64 / took,
        p50_ms: milliseconds(0.5),
        p99_ms: milliseconds(0.99),
        sync_us: sync * 1e6,
        sync_bound: CONNECTIONS as f64 / sync,
    })
}

/// Goes on from where the talkers stand. Gives the round trips that ended within `window`.
fn talk(epoll: &mut Epoll, talkers: &mut [Talker], window: Duration) -> Result<Histogram<u64>> {
    let mut latency = Histogram::new_with_bounds(1_000, 60_000_000_000, 3)?;
    let mut buffer = vec![0; READ_BUFFER];
    let end = Instant::now() + window;
    while Instant::now() < end {
        for &index in epoll.wait(WAIT)? {
            let talker = talkers.get_mut(index).context("an unknown socket")?;
            let mut complaint = None;
            let (finder, awaited) = (&mut talker.finder, talker.awaited);
            let mut answered = false;
            talker
                .connection
                .read(&mut buffer, |payload| match finder.find(payload) {
                    Some(mark) if mark.number() == awaited => answered = true,
                    _ => complaint = Some(String::from_utf8_lossy(payload).into_owned()),
                })?;
            if let Some(complaint) = complaint {
                bail!("the server said {complaint}");
            }
            if answered {
                latency.saturating_record(talker.sent.elapsed().as_nanos() as u64);
                talker.send(awaited + 1)?;
            }
        }
    }
    if latency.is_empty() {
        bail!("no echo came within {window:?}");
    }
    Ok(latency)
}
