//! `soak`: all attacks that a plugin can make, for minutes, and what a neighbour notices of them.
//!
//! One server, one database. A calm endpoint has its traffic all the time: first alone, then while
//! other endpoints are attacked, then alone again. It must lose nothing, its p99 must stay near
//! what it is alone, and the server must not grow.

mod attackers;
mod attacks;
mod memory;
mod verdict;

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use hdrhistogram::Histogram;

use crate::load::{self, Load, Outcome};
use crate::server::{CALM, Server, Setup};
use crate::{limits, proc_stat};
use attackers::{Attackers, Told};
use memory::Looks;
use verdict::Verdict;

const ATTACKERS: usize = 16;
/// The traffic is looked at in windows of this length.
const WINDOW: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(3);
const OPEN_FILES: u64 = 4_000;

#[derive(Parser)]
pub struct Args {
    /// How long the attacks last, at most 120
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only attacks with this in their path or message, such as `do_prepare":"loop`
    #[arg(long, default_value = "")]
    only: String,
    /// Messages a second on the calm endpoint
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Subscribers of the calm endpoint; each gets every message
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    subscribers: u16,
    /// The `hookcast` binary
    #[arg(long)]
    hookcast: PathBuf,
    /// The plugin of the calm endpoint, a built component
    #[arg(long)]
    plugin: PathBuf,
    /// Folder of the plugins that attack: `cargo xtask guests` makes it
    #[arg(long)]
    guests: PathBuf,
    /// Directory for database and log
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Reading threads of the load generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    threads: u8,
}

/// Runs all of it; an error when the calm endpoint or the server has suffered.
pub fn run(args: &Args) -> Result<()> {
    limits::raise_open_files(OPEN_FILES)?;
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("create the directory {}", args.dir.display()))?;
    let setup = Setup {
        hookcast: Some(args.hookcast.clone()),
        plugin: Some(args.plugin.clone()),
        misbehave: None,
        dir: args.dir.clone(),
    };
    let guests = attacks::guests(&args.guests)?;
    let server = setup.start_attacked(&guests, &attacks::config(&guests))?;
    let found = soak(&server, &guests, args)
        .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
    print!("{found}");
    found.check()
}

fn soak(server: &Server, guests: &[(String, PathBuf)], args: &Args) -> Result<Verdict> {
    let attacks = attacks::all(guests, &args.only)?;
    let attacked = Duration::from_secs_f64(args.minutes.clamp(0.1, 120.0) * 60.0);
    // A minute for ten minutes.
    let quiet = (attacked / 10).max(WINDOW * 2);
    let mut calm = Calm {
        load: Load::connect_at(
            server.address,
            CALM,
            usize::from(args.subscribers),
            usize::from(args.threads),
        )?,
        rate: f64::from(args.rate),
        began: Instant::now(),
        pid: server.pid(),
    };
    calm.load.run(calm.rate, WARM_UP).context("warm-up")?;

    let before = calm.phase("alone", quiet)?;
    let (under, memory, told) = thread::scope(|scope| {
        let attackers = Attackers::start(scope, server.address, &attacks, ATTACKERS);
        let looks = Looks::start(scope, server.pid());
        let under = calm.phase("attacked", attacked);
        (under, looks.stop(), attackers.stop())
    });
    let (under, memory, told) = (under?, memory?, told?);
    let after = calm.phase("alone", quiet)?;
    Ok(Verdict {
        before,
        under,
        after,
        memory,
        told,
    })
}

/// The calm endpoint's traffic.
struct Calm {
    load: Load,
    rate: f64,
    began: Instant,
    pid: u32,
}

/// What a phase found.
pub struct Phase {
    pub messages: u64,
    pub deliveries: u64,
    /// Windows in which something was lost, repeated, out of order or late, in words.
    pub faults: Vec<String>,
    pub latency: Histogram<u64>,
}

impl Calm {
    /// Windows until the time is over.
    fn phase(&mut self, name: &str, length: Duration) -> Result<Phase> {
        let mut phase = Phase {
            messages: 0,
            deliveries: 0,
            faults: Vec::new(),
            latency: load::new_histogram()?,
        };
        let start = Instant::now();
        while start.elapsed() < length {
            let outcome = self
                .load
                .run(self.rate, WINDOW)
                .context("the calm endpoint")?;
            self.say(name, &outcome)?;
            phase.add(&outcome)?;
        }
        Ok(phase)
    }

    fn say(&self, name: &str, outcome: &Outcome) -> Result<()> {
        eprintln!(
            "[{:>4} s] {name}: p50 {:.2} ms, p99 {:.2} ms, {} messages; the server has {} MiB",
            self.began.elapsed().as_secs(),
            outcome.latency_ms(0.5),
            outcome.latency_ms(0.99),
            outcome.sent,
            proc_stat::rss_kib(self.pid)? >> 10,
        );
        Ok(())
    }
}

impl Phase {
    fn add(&mut self, outcome: &Outcome) -> Result<()> {
        self.messages += outcome.sent;
        self.deliveries += outcome.delivered;
        if let Err(fault) = crate::measure::ensure_faultless(outcome) {
            self.faults.push(fault.to_string());
        }
        self.latency
            .add(&outcome.latency)
            .map_err(|error| anyhow!("merge histograms: {error}"))
    }
}
