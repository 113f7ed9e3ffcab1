//! `run`: the measures, interleaved over the servers and repeated.
//!
//! A round takes every measure through every server before the next round begins, in alternating
//! order, so that a machine that gets slower or faster meanwhile does so for all of them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::figures::Figures;
use crate::measure::{Measure, cpu, floor, hook_times, idle, roundtrips, stuck, sustained};
use crate::server::{HOOK_DEADLINE_MS, Kind, Setup};
use crate::{limits, report};

const SUBSCRIBERS: [usize; 2] = [100, 1000];
/// Idle connections, and what else client and servers have open.
const OPEN_FILES: u64 = 12_000;
const ALL: [Measure; 7] = [
    Measure::Floor,
    Measure::Cpu,
    Measure::Roundtrips,
    Measure::HookTimes,
    Measure::Stuck,
    Measure::Sustained,
    Measure::Idle,
];

#[derive(Parser)]
pub struct Args {
    /// What to measure [default: everything]
    #[arg(value_enum)]
    measures: Vec<Measure>,
    /// The `hookcast` binary, a release build; without it only the reference and the floor run
    #[arg(long, requires = "plugin")]
    hookcast: Option<PathBuf>,
    /// The plugin that every message passes, a built component
    #[arg(long, requires = "hookcast")]
    plugin: Option<PathBuf>,
    /// The plugin that loops on demand, a built component; only `stuck` needs it
    #[arg(long, value_name = "WASM", requires = "hookcast")]
    misbehave: Option<PathBuf>,
    /// Directory for databases and logs; must be on a real disk for syncs to mean anything
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Interleaved repetitions; medians are printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Most seconds for one search of a sustained rate
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(5..=300))]
    search_seconds: u64,
    /// Reading threads of the load generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    threads: u8,
    /// Also write all figures, of every round, to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    limits::raise_open_files(OPEN_FILES)?;
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("create the directory {}", args.dir.display()))?;
    let mut measures = args.measures.clone();
    if measures.is_empty() {
        measures.extend(ALL);
        if args.hookcast.is_some() && args.misbehave.is_none() {
            eprintln!("without --misbehave there is no `stuck`");
            measures.retain(|measure| *measure != Measure::Stuck);
        }
    }
    let mut bench = Bench {
        setup: Setup {
            hookcast: args.hookcast.clone(),
            plugin: args.plugin.clone(),
            misbehave: args.misbehave.clone(),
            dir: args.dir.clone(),
        },
        threads: usize::from(args.threads),
        search: Duration::from_secs(args.search_seconds),
        figures: Figures::default(),
    };
    let mut failures = Vec::new();
    let start = Instant::now();
    for round in 0..args.rounds {
        let mut kinds = vec![Kind::Axum];
        if args.hookcast.is_some() {
            kinds.push(Kind::Hookcast);
        }
        if round % 2 == 1 {
            kinds.reverse();
        }
        for &measure in &measures {
            for kind in subjects(measure, &kinds) {
                let name = kind.map_or("floor", Kind::name);
                let title = format!("round {}: {measure:?} {name}", round + 1).to_lowercase();
                eprintln!("[{:>4} s] {title}", start.elapsed().as_secs());
                // One measure that fails doesn't take the others' figures with it.
                if let Err(error) = bench.take(measure, kind) {
                    eprintln!("  failed: {error:#}");
                    failures.push(format!("{title}: {error:#}"));
                }
            }
        }
    }
    print!("{}", report::render(&bench.figures, args.rounds)?);
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&bench.figures)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    bail!(
        "{} measurements failed:\n{}",
        failures.len(),
        failures.join("\n")
    )
}

/// The floor runs in a server of its own; only Hookcast has hooks.
fn subjects(measure: Measure, kinds: &[Kind]) -> Vec<Option<Kind>> {
    match measure {
        Measure::Floor => vec![None],
        Measure::HookTimes | Measure::Stuck => kinds
            .iter()
            .filter(|kind| **kind == Kind::Hookcast)
            .copied()
            .map(Some)
            .collect(),
        _ => kinds.iter().copied().map(Some).collect(),
    }
}

struct Bench {
    setup: Setup,
    threads: usize,
    search: Duration,
    figures: Figures,
}

impl Bench {
    fn take(&mut self, measure: Measure, kind: Option<Kind>) -> Result<()> {
        let Some(kind) = kind else {
            return self.floor();
        };
        match measure {
            Measure::Floor => self.floor(),
            Measure::Sustained => SUBSCRIBERS
                .iter()
                .try_for_each(|&subscribers| self.sustained(kind, subscribers)),
            Measure::Cpu => self.cpu(kind),
            Measure::Roundtrips => self.roundtrips(kind),
            Measure::Idle => self.idle(kind),
            Measure::HookTimes => self.hook_times(),
            Measure::Stuck => self.stuck(),
        }
    }

    fn floor(&mut self) -> Result<()> {
        let found = floor::run()?;
        for step in &found.steps {
            let group = report::floor_group(step.frames_per_write);
            self.record(
                "floor",
                &group,
                &[
                    ("frames", "/s", step.frames_per_second),
                    ("CPU per write", "µs", step.cpu_us_per_write),
                    ("wall per write", "µs", step.wall_us_per_write),
                ],
            );
        }
        let own = ("generator's CPU per frame", "µs", found.reader_us_per_frame);
        self.record("floor", "floor, reading side", &[own]);
        Ok(())
    }

    fn sustained(&mut self, kind: Kind, subscribers: usize) -> Result<()> {
        let group = report::sustained_group(subscribers);
        let guess = self
            .figures
            .median(kind.name(), &group, "deliveries")
            .filter(|&rate| rate > 0.0);
        let found = sustained::run(
            &self.setup,
            kind,
            subscribers,
            self.threads,
            guess,
            self.search,
        )?;
        self.record(
            kind.name(),
            &group,
            &[
                ("deliveries", "/s", found.rate),
                ("latency p50", "ms", found.p50_ms),
                ("latency p99", "ms", found.p99_ms),
                (
                    "generator's CPU per frame",
                    "µs",
                    found.client_us_per_delivery,
                ),
            ],
        );
        Ok(())
    }

    fn cpu(&mut self, kind: Kind) -> Result<()> {
        let found = cpu::run(&self.setup, kind, self.threads)?;
        self.record(
            kind.name(),
            report::CPU_GROUP,
            &[
                ("CPU per delivery", "µs", found.us_per_delivery),
                ("latency p50", "ms", found.p50_ms),
                ("latency p99", "ms", found.p99_ms),
                ("CPU when idle", "%", found.idle_percent),
            ],
        );
        Ok(())
    }

    fn roundtrips(&mut self, kind: Kind) -> Result<()> {
        let found = roundtrips::run(&self.setup, kind)?;
        self.record(
            kind.name(),
            report::ROUNDTRIPS_GROUP,
            &[
                ("round trips", "/s", found.per_second),
                ("latency p50", "ms", found.p50_ms),
                ("latency p99", "ms", found.p99_ms),
                ("append + fdatasync", "µs", found.sync_us),
                ("16 / sync", "/s", found.sync_bound),
            ],
        );
        Ok(())
    }

    fn idle(&mut self, kind: Kind) -> Result<()> {
        let found = idle::run(&self.setup, kind)?;
        self.record(
            kind.name(),
            report::IDLE_GROUP,
            &[
                ("memory each", "KiB", found.kib_per_connection),
                ("accepted", "/s", found.accepted_per_second),
            ],
        );
        Ok(())
    }

    fn hook_times(&mut self) -> Result<()> {
        let hooks = hook_times::run(&self.setup)?;
        if hooks.is_empty() {
            bail!("the server's metrics tell of no hook: does the plugin have one?");
        }
        for hook in hooks {
            let group = report::hook_group(&hook.hook, &hook.plugin);
            let subject = Kind::Hookcast.name();
            self.record(
                subject,
                &group,
                &[("calls", "", hook.calls), ("mean", "µs", hook.mean_us)],
            );
            if let Some(median) = hook.median_us {
                self.record(subject, &group, &[("median", "µs", median)]);
            }
        }
        Ok(())
    }

    fn stuck(&mut self) -> Result<()> {
        let found = stuck::run(&self.setup, self.threads)?;
        let subject = Kind::Hookcast.name();
        let deadline = ("deadline", "ms", f64::from(HOOK_DEADLINE_MS));
        self.record(subject, report::ERROR_GROUP, &[deadline]);
        for ((hook, _), found) in stuck::HOOKS.iter().zip(&found.hooks) {
            let errors = [
                ("median", found.error.median_ms),
                ("max", found.error.max_ms),
                ("attackers' median", found.attacker_error.median_ms),
                ("attackers' max", found.attacker_error.max_ms),
            ];
            for (name, value) in errors {
                let name = format!("{hook}, {name}");
                self.record(subject, report::ERROR_GROUP, &[(&name, "ms", value)]);
            }
        }
        let hooks = stuck::HOOKS.iter().zip(&found.hooks);
        let attacked = hooks.map(|((hook, _), found)| (format!("{hook} loops"), found.calm));
        let others = [("alone", found.alone), ("2 cores busy", found.spinning)];
        let others = others.map(|(case, calm)| (case.to_owned(), calm));
        for (case, calm) in others.into_iter().chain(attacked) {
            for (quantile, value) in [("p50", calm.p50_ms), ("p99", calm.p99_ms)] {
                let name = format!("{quantile}, {case}");
                self.record(subject, report::CALM_GROUP, &[(&name, "ms", value)]);
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        subject: &'static str,
        group: &str,
        figures: &[(&str, &'static str, f64)],
    ) {
        for &(name, unit, value) in figures {
            self.figures.add(subject, group, name, unit, value);
        }
    }
}
