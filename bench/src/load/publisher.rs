//! The publishing side: an open loop that wakes at most once a millisecond and sends what is due.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::connection::Outbox;
use crate::marker;
use crate::websocket::{self, TEXT};

/// Below 1,000 messages a second each has its own wake-up; above, several go in one write.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// With so many bytes waiting the server doesn't keep up; more would only use memory.
const MOST_WAITING: usize = 256 * 1024;
/// How long bytes that the server doesn't take are offered after the end.
const LAST_OFFER: Duration = Duration::from_secs(2);

pub struct Published {
    pub due: u64,
    pub sent: u64,
}

/// Publishes messages `first..` at `rate` a second for `duration`. A message's time is the tick at
/// which it was due, however late it leaves.
pub fn publish(outbox: &Outbox, first: u64, rate: f64, duration: Duration) -> Result<Published> {
    let tick = SHORTEST_TICK.max(Duration::from_secs_f64(1.0 / rate));
    let ticks = (duration.as_secs_f64() / tick.as_secs_f64()).floor() as u32;
    let start = Instant::now() + tick;
    let (mut sent, mut waiting, mut tick_to_send) = (0, 0, 0);
    for n in 0..ticks {
        let at = |n: u32| start + tick * n;
        std::thread::sleep(at(n).saturating_duration_since(Instant::now()));
        if waiting > MOST_WAITING {
            // The tick is made up for, with its own time, by the next one that finds room.
            waiting = outbox.flush()?;
            continue;
        }
        waiting = outbox.send(|out| {
            for n in tick_to_send..=n {
                let due = marker::nanoseconds(at(n));
                for number in sent..due_by(n, tick, rate) {
                    let payload = marker::payload(first + number, due);
                    websocket::write_masked(out, TEXT, &payload);
                }
                sent = due_by(n, tick, rate);
            }
        })?;
        tick_to_send = n + 1;
    }
    let give_up = Instant::now() + LAST_OFFER;
    while waiting > 0 && Instant::now() < give_up {
        std::thread::sleep(SHORTEST_TICK);
        waiting = outbox.flush()?;
    }
    Ok(Published {
        due: due_by(ticks.saturating_sub(1), tick, rate),
        sent,
    })
}

/// Messages due up to and including tick `n`.
fn due_by(n: u32, tick: Duration, rate: f64) -> u64 {
    (f64::from(n + 1) * tick.as_secs_f64() * rate).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_add_up_to_the_rate() {
        for rate in [3.0, 200.0, 1_000.0, 12_345.0, 250_000.0] {
            let tick = SHORTEST_TICK.max(Duration::from_secs_f64(1.0 / rate));
            let in_a_second = (1.0 / tick.as_secs_f64()).round() as u32;
            assert_eq!(due_by(in_a_second - 1, tick, rate), rate as u64);
        }
    }
}
