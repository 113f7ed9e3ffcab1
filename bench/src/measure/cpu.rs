//! Server CPU per delivery at a fixed rate, where figures of different servers are comparable.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::load::Load;
use crate::proc_stat;
use crate::server::{Kind, Setup};

pub const SUBSCRIBERS: usize = 100;
/// Messages a second: 20,000 deliveries.
pub const RATE: f64 = 200.0;
const WINDOW: Duration = Duration::from_secs(5);
const IDLE_WINDOW: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Serialize)]
pub struct Cpu {
    /// All CPU time of the server in the window; the idle share isn't subtracted.
    pub us_per_delivery: f64,
    /// Per cent of one core with the sockets open and nothing sent.
    pub idle_percent: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

pub fn run(setup: &Setup, kind: Kind, threads: usize) -> Result<Cpu> {
    let server = setup.start(kind)?;
    let mut load = Load::connect(server.address, SUBSCRIBERS, threads)?;
    super::ensure_faultless(&load.run(RATE, WARM_UP)?).context("warm-up")?;

    let before = proc_stat::cpu_of(server.pid())?;
    std::thread::sleep(IDLE_WINDOW);
    let idle = proc_stat::cpu_of(server.pid())?;
    let outcome = load.run(RATE, WINDOW)?;
    let after = proc_stat::cpu_of(server.pid())?;
    super::ensure_faultless(&outcome)
        .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
    // A wrapper script in the server's place would look free.
    ensure!(
        after > idle,
        "process {} used no CPU: is it the server itself?",
        server.pid()
    );
    Ok(Cpu {
        us_per_delivery: (after - idle).as_secs_f64() * 1e6 / outcome.delivered as f64,
        idle_percent: (idle - before).as_secs_f64() / IDLE_WINDOW.as_secs_f64() * 100.0,
        p50_ms: outcome.latency_ms(0.5),
        p99_ms: outcome.latency_ms(0.99),
    })
}
