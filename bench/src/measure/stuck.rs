//! A plugin stuck in a loop: what its senders wait for their error, and what the neighbours of its
//! endpoint notice. Both endpoints are in one server and on one database.
//!
//! A loop takes a core until it is ended, so on a small machine the neighbours, and the load
//! generator too, wait for the kernel to give them one. Windows beside as many threads that spin
//! outside of the server tell about how much of the latency is that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;

use crate::attack::Attackers;
use crate::figures::median;
use crate::load::{self, Load, Outcome};
use crate::server::{BUSY, CALM, Server, Setup};

/// Name of the hook and what a message says to make it loop.
pub const HOOKS: [(&str, &str); 3] = [
    ("prepare", r#""do":"loop""#),
    ("modify", r#""do_modify":"loop""#),
    ("handler", r#""_type":"misbehave","do":"loop""#),
];
/// Looping messages of one sender, one after the other, while nothing else happens.
pub const RUNS: usize = 50;
/// What happens on the calm endpoint: far from the limits of the machine.
pub const SUBSCRIBERS: usize = 20;
pub const RATE: f64 = 200.0;
pub const ATTACKERS: usize = 2;
const WINDOW: Duration = Duration::from_millis(2500);
/// Each kind of window in turn, and the same backwards.
const PASSES: usize = 2;
const WARM_UP: Duration = Duration::from_secs(1);

pub struct Stuck {
    /// The calm endpoint alone.
    pub alone: Latency,
    /// The same beside spinning threads outside of the server.
    pub spinning: Latency,
    /// In the order of [`HOOKS`].
    pub hooks: Vec<StuckHook>,
}

pub struct StuckHook {
    /// From the message to its error, with nothing else to do for the server.
    pub error: ErrorTime,
    /// The same for the attackers, beside each other and the calm endpoint's traffic.
    pub attacker_error: ErrorTime,
    /// Of the calm endpoint under this attack.
    pub calm: Latency,
}

#[derive(Clone, Copy)]
pub struct Latency {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

#[derive(Clone, Copy)]
pub struct ErrorTime {
    pub median_ms: f64,
    pub max_ms: f64,
}

pub fn run(setup: &Setup, threads: usize) -> Result<Stuck> {
    let server = setup.start_busy_and_calm()?;
    measure(&server, threads)
        .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))
}

fn measure(server: &Server, threads: usize) -> Result<Stuck> {
    let mut attackers = Attackers::connect(server.address, BUSY, 1)?;
    let mut errors = Vec::new();
    for (hook, keys) in HOOKS {
        let times = attackers.attack(keys, |answers| answers >= RUNS);
        errors.push(times.with_context(|| format!("loop in {hook}"))?);
    }

    let mut load = Load::connect_at(server.address, CALM, SUBSCRIBERS, threads)?;
    super::ensure_faultless(&load.run(RATE, WARM_UP)?).context("warm-up")?;
    let mut calm = Calm {
        load,
        attackers: Attackers::connect(server.address, BUSY, ATTACKERS)?,
    };
    let mut alone = load::new_histogram()?;
    let mut spinning = load::new_histogram()?;
    let mut attacks = Vec::new();
    for (hook, keys) in HOOKS {
        attacks.push(Attack {
            hook,
            keys,
            latency: load::new_histogram()?,
            errors: Vec::new(),
        });
    }
    for pass in 0..PASSES {
        let backwards = pass % 2 == 1;
        if backwards {
            for attack in attacks.iter_mut().rev() {
                calm.attacked(attack)?;
            }
            calm.beside_spinning(&mut spinning)?;
        }
        calm.alone(&mut alone)?;
        if !backwards {
            calm.beside_spinning(&mut spinning)?;
            for attack in &mut attacks {
                calm.attacked(attack)?;
            }
        }
    }
    let hooks = errors.iter().zip(&attacks);
    Ok(Stuck {
        alone: Latency::of(&alone),
        spinning: Latency::of(&spinning),
        hooks: hooks
            .map(|(errors, attack)| StuckHook {
                error: ErrorTime::of(errors),
                attacker_error: ErrorTime::of(&attack.errors),
                calm: Latency::of(&attack.latency),
            })
            .collect(),
    })
}

/// The calm endpoint's traffic; each method is one window of it.
struct Calm {
    load: Load,
    attackers: Attackers,
}

/// What the windows under one attack have found so far.
struct Attack {
    hook: &'static str,
    keys: &'static str,
    latency: Histogram<u64>,
    errors: Vec<Duration>,
}

impl Calm {
    fn alone(&mut self, latency: &mut Histogram<u64>) -> Result<()> {
        let outcome = self.load.run(RATE, WINDOW);
        add(latency, outcome).context("the calm endpoint alone")
    }

    fn beside_spinning(&mut self, latency: &mut Histogram<u64>) -> Result<()> {
        let over = AtomicBool::new(false);
        let outcome = thread::scope(|scope| {
            for _ in 0..ATTACKERS {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let outcome = self.load.run(RATE, WINDOW);
            over.store(true, Ordering::Relaxed);
            outcome
        });
        add(latency, outcome).context("the calm endpoint beside spinning threads")
    }

    fn attacked(&mut self, attack: &mut Attack) -> Result<()> {
        let over = AtomicBool::new(false);
        let (outcome, errors) = thread::scope(|scope| {
            let attackers = &mut self.attackers;
            let keys = attack.keys;
            let errors = scope.spawn(|| attackers.attack(keys, |_| over.load(Ordering::Relaxed)));
            let outcome = self.load.run(RATE, WINDOW);
            over.store(true, Ordering::Relaxed);
            let errors = errors.join().map_err(|_| anyhow!("an attacker panicked"));
            (outcome, errors.flatten())
        });
        let hook = attack.hook;
        attack
            .errors
            .extend(errors.with_context(|| format!("attackers, loop in {hook}"))?);
        add(&mut attack.latency, outcome)
            .with_context(|| format!("the calm endpoint while {hook} loops"))
    }
}

fn add(latency: &mut Histogram<u64>, outcome: Result<Outcome>) -> Result<()> {
    let outcome = outcome?;
    super::ensure_faultless(&outcome)?;
    latency.add(&outcome.latency).context("merge histograms")
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let milliseconds = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        Latency {
            p50_ms: milliseconds(0.5),
            p99_ms: milliseconds(0.99),
        }
    }
}

impl ErrorTime {
    fn of(times: &[Duration]) -> Self {
        let milliseconds = times.iter().map(|time| time.as_secs_f64() * 1e3);
        ErrorTime {
            median_ms: median(milliseconds.clone()),
            max_ms: milliseconds.fold(0.0, f64::max),
        }
    }
}
