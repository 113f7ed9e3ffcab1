//! `hooks`: what a call of a hook costs, beside a native closure that does the same and beside
//! wasmtime without the host; and the memory of instances that wait for a call.
//!
//! All of it runs in this process, on the host's own library. The ways of calling take turns in
//! batches, so that a machine that gets slower meanwhile does so for all of them.

mod hosted;
mod native;
mod raw;
mod room;
mod warm;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::figures::median;
use crate::goals::{Goal, Table};
use hosted::{Guest, Hosted};
use raw::Raw;

/// Bytes of the message.
const BYTES: usize = 200;

const NATIVE: &str = "native closure";
const RAW: &str = "Rust, wasmtime alone";
const RUST: &str = "Rust, the host's whole path";
const JAVASCRIPT: &str = "JavaScript, the host's whole path";
const PYTHON: &str = "Python, the host's whole path";

#[derive(Parser)]
pub struct Args {
    /// The plugin in Rust, a built component
    #[arg(long)]
    plugin: PathBuf,
    /// The same plugin in JavaScript
    #[arg(long)]
    javascript: PathBuf,
    /// The same plugin in Python, a built component; it is left out where there is none
    #[arg(long)]
    python: PathBuf,
    /// Directory for compiled code
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Batches of each way of calling; medians are printed
    #[arg(long, default_value_t = 41, value_parser = clap::value_parser!(u32).range(21..=1_001))]
    batches: u32,
    /// Calls in a batch of the fastest ways; slower ones make fewer
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    calls: u32,
    /// Instances kept warm, to see what memory they take
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    instances: u32,
}

/// Measures and prints; an error only when something could not be measured that should.
pub fn run(args: &Args) -> Result<()> {
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("create the directory {}", args.dir.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let table = runtime.block_on(measure(args))?;
    print!("{table}");
    Ok(())
}

async fn measure(args: &Args) -> Result<Table> {
    let message = message();
    let host = Hosted::load(args).await?;
    let mut ways = vec![
        Way::new(NATIVE, args.calls, Call::Native),
        Way::new(
            RAW,
            args.calls,
            Call::Raw(Box::new(Raw::load(&args.plugin).await?)),
        ),
    ];
    for (guest, warm, fresh, share) in [
        (Guest::Rust, RUST, "Rust, a fresh instance for each call", 1),
        (
            Guest::JavaScript,
            JAVASCRIPT,
            "JavaScript, a fresh instance for each call",
            10,
        ),
        (
            Guest::Python,
            PYTHON,
            "Python, a fresh instance for each call",
            10,
        ),
    ] {
        let calls = args.calls / share;
        if host.has(guest) {
            ways.push(Way::new(warm, calls, Call::Hosted(guest, false)));
            ways.push(Way::new(
                fresh,
                (calls / 20).max(3),
                Call::Hosted(guest, true),
            ));
        }
    }
    for _ in 0..args.batches {
        for way in &mut ways {
            let took = way.call.batch(&host, &message, way.calls).await?;
            way.micros
                .push(took.as_secs_f64() * 1e6 / f64::from(way.calls));
        }
    }
    let mut table = Table::default();
    table.heading(format!(
        "`prepare` of a message of {BYTES} bytes, a call; medians of {} batches",
        args.batches
    ));
    write_times(&mut table, &ways);
    if !host.has(Guest::Python) {
        table.missing(PYTHON, format!("there is no {}", args.python.display()));
    }
    write_loads(&mut table, &host);
    warm::measure(&host, &message, args.instances)
        .await?
        .write(&mut table);
    Ok(table)
}

/// One way of calling, and what a call of each batch took.
struct Way {
    name: &'static str,
    calls: u32,
    call: Call,
    micros: Vec<f64>,
}

enum Call {
    Native,
    Raw(Box<Raw>),
    /// The guest; and whether each call gets an instance of its own.
    Hosted(Guest, bool),
}

impl Way {
    fn new(name: &'static str, calls: u32, call: Call) -> Self {
        Self {
            name,
            calls,
            call,
            micros: Vec::new(),
        }
    }

    fn median(&self) -> f64 {
        median(self.micros.iter().copied())
    }
}

impl Call {
    /// The time of so many calls, one after the other.
    async fn batch(&mut self, host: &Hosted, message: &str, calls: u32) -> Result<Duration> {
        match self {
            Self::Native => native::batch(message, calls),
            Self::Raw(raw) => raw.batch(message, calls).await,
            Self::Hosted(guest, fresh) => {
                let generation = host.generation(*guest, *fresh)?;
                let began = Instant::now();
                for _ in 0..calls {
                    hosted::call(&generation, host.context(), message).await?;
                }
                Ok(began.elapsed())
            }
        }
    }
}

fn write_times(table: &mut Table, ways: &[Way]) {
    let of = |name| ways.iter().find(|way| way.name == name).map(Way::median);
    for way in ways {
        let goal = match way.name {
            JAVASCRIPT => Some(40.0),
            PYTHON => Some(60.0),
            _ => None,
        };
        let median = way.median();
        match goal {
            Some(most) => table.goal(way.name, median, "µs", Goal::AtMost(most)),
            None => table.figure(way.name, median, "µs"),
        }
        if way.name == RUST
            && let Some(raw) = of(RAW)
        {
            let name = "  more than wasmtime alone";
            table.goal(name, median - raw, "µs", Goal::AtMost(2.0));
        }
    }
}

/// What loading took, by step: a way to see where a slow start comes from.
fn write_loads(table: &mut Table, host: &Hosted) {
    for (name, report) in host.reports() {
        let code = if report.cached { "cached" } else { "compiled" };
        table.heading(format!("loading {name}, {code}"));
        for (step, micros) in &report.steps {
            table.figure(step.to_string(), *micros as f64, "µs");
        }
    }
}

/// A message such as a chat's.
fn message() -> String {
    let around = r#"{"body":"","topic":"Help","n":1}"#.len();
    let body = "x".repeat(BYTES - around);
    format!(r#"{{"body":"{body}","topic":"Help","n":1}}"#)
}

/// Every way must do the same, or its time says nothing.
fn ensure_added(output: Option<&str>) -> Result<()> {
    let output = output.context("the hook changed nothing")?;
    let value: serde_json::Value = serde_json::from_str(output)?;
    ensure!(
        value["hop"] == 1,
        "the hook did not add its field: {output}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_size_it_is_said_to_have() {
        assert_eq!(message().len(), BYTES);
        assert!(serde_json::from_str::<serde_json::Value>(&message()).is_ok());
    }

    #[test]
    fn the_host_costs_what_it_takes_above_the_raw_call() {
        let way = |name, micros: [f64; 3]| Way {
            name,
            calls: 1,
            call: Call::Native,
            micros: micros.into(),
        };
        let ways = [
            way(RAW, [3.0, 2.0, 90.0]),
            way(RUST, [4.5, 90.0, 4.0]),
            way(JAVASCRIPT, [41.0, 41.0, 1.0]),
        ];
        let mut table = Table::default();
        write_times(&mut table, &ways);
        let text = table.to_string();
        let more = text.lines().find(|line| line.contains("more than"));
        assert!(
            more.is_some_and(|line| line.contains(" 1.50 ") && line.ends_with("  met")),
            "{text}"
        );
        let script = text.lines().find(|line| line.contains("JavaScript"));
        assert!(
            script.is_some_and(|line| line.ends_with("NOT met")),
            "{text}"
        );
    }
}
