//! Sustained deliveries: the highest fixed rate without loss and with p99 < 100 ms.
//!
//! The rate is doubled until it fails, then the gap is halved a few times. A rate fails when two runs
//! do, since on a shared machine a single run may suffer from something else. A run that fails may
//! leave the server far behind; then it is replaced by a fresh one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::load::{Load, Outcome};
use crate::server::{Kind, Server, Setup};

pub const P99_LIMIT_MS: f64 = 100.0;
const PROBE: Duration = Duration::from_millis(1000);
const CONFIRM: Duration = Duration::from_millis(2000);
/// Four halvings of a factor of two leave an error of 4 %.
const HALVINGS: u32 = 4;
/// Deliveries a second: where the first search starts, and where giving up is honest.
const FIRST_RATE: f64 = 100_000.0;
const LOWEST_RATE: f64 = 1_000.0;
const HIGHEST_RATE: f64 = 50_000_000.0;
const WARM_UP: (f64, Duration) = (20.0, Duration::from_millis(500));

#[derive(Clone, Copy, Default, Serialize)]
pub struct Sustained {
    /// Deliveries a second; 0 if no rate passed.
    pub rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// What the load generator itself used; its share of the machine is the server's loss.
    pub client_us_per_delivery: f64,
}

/// `guess`: what an earlier round found, to begin close to it.
pub fn run(
    setup: &Setup,
    kind: Kind,
    subscribers: usize,
    threads: usize,
    guess: Option<f64>,
    max_time: Duration,
) -> Result<Sustained> {
    let mut search = Search {
        setup,
        kind,
        subscribers,
        threads,
        under_test: None,
        best: Sustained::default(),
    };
    let give_up = Instant::now() + max_time;
    let mut rate = guess.map_or(FIRST_RATE, |rate| (rate / 1.5).max(LOWEST_RATE));
    let mut failed = f64::INFINITY;
    while Instant::now() < give_up && (LOWEST_RATE..HIGHEST_RATE).contains(&rate) {
        if search.passes(rate, PROBE)? {
            if failed.is_finite() {
                break;
            }
            rate *= 2.0;
        } else {
            failed = rate;
            if search.best.rate > 0.0 {
                break;
            }
            rate /= 2.0;
        }
    }
    for _ in 0..HALVINGS {
        if search.best.rate == 0.0 || !failed.is_finite() || Instant::now() > give_up {
            break;
        }
        let rate = (search.best.rate * failed).sqrt();
        if !search.passes(rate, CONFIRM)? {
            failed = rate;
        }
    }
    Ok(search.best)
}

struct Search<'a> {
    setup: &'a Setup,
    kind: Kind,
    subscribers: usize,
    threads: usize,
    under_test: Option<(Load, Server)>,
    best: Sustained,
}

impl Search<'_> {
    fn passes(&mut self, rate: f64, duration: Duration) -> Result<bool> {
        Ok(self.attempt(rate, duration)? || self.attempt(rate, duration)?)
    }

    fn attempt(&mut self, rate: f64, duration: Duration) -> Result<bool> {
        let (mut load, server) = match self.under_test.take() {
            Some(under_test) => under_test,
            None => self.start()?,
        };
        // A server may answer too much load by hanging up: that rate has failed, not the measure.
        let outcome = match load.run(rate / self.subscribers as f64, duration) {
            Ok(outcome) => outcome,
            Err(error) => {
                eprintln!("  {} at {rate:.0}/s: {error:#}", self.kind.name());
                return Ok(false);
            }
        };
        let passed = outcome.is_faultless() && outcome.latency_ms(0.99) < P99_LIMIT_MS;
        self.note(rate, &outcome, passed);
        if outcome.complete && outcome.sent == outcome.due {
            self.under_test = Some((load, server));
        }
        Ok(passed)
    }

    fn start(&self) -> Result<(Load, Server)> {
        let server = self.setup.start(self.kind)?;
        let mut load = Load::connect(server.address, self.subscribers, self.threads)
            .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
        let outcome = load.run(WARM_UP.0, WARM_UP.1)?;
        super::ensure_faultless(&outcome)
            .with_context(|| format!("warm-up; the server's log ends:\n{}", server.log_tail()))?;
        Ok((load, server))
    }

    fn note(&mut self, rate: f64, outcome: &Outcome, passed: bool) {
        let (p50_ms, p99_ms) = (outcome.latency_ms(0.5), outcome.latency_ms(0.99));
        eprintln!(
            "  {} {} subscribers {rate:.0}/s: {} (p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, sent {}/{}, lost {}{})",
            self.kind.name(),
            self.subscribers,
            if passed { "ok" } else { "too much" },
            outcome.sent,
            outcome.due,
            outcome.lost,
            outcome
                .complaint
                .as_ref()
                .map(|text| format!(", {text}"))
                .unwrap_or_default(),
        );
        if passed && rate > self.best.rate {
            self.best = Sustained {
                rate,
                p50_ms,
                p99_ms,
                client_us_per_delivery: outcome.client_cpu.as_secs_f64() * 1e6
                    / outcome.delivered as f64,
            };
        }
    }
}
