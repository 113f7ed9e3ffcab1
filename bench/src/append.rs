//! Ways to write one group of messages to SQLite, on the same rows, in a real file.
//!
//! A message is one row in the user's table and one row in the log. The host writes a whole group
//! in one transaction; the question here is what that costs through sqlx with set-based statements
//! and through rusqlite with a prepared statement per row. Both link the same SQLite.

mod rows;
mod rusqlite_writer;
mod sqlx_writer;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::figures::median;
use crate::proc_stat;
use rows::Message;

/// Messages in one transaction; 512 is about half of the largest group of the host.
const GROUP_SIZES: [usize; 4] = [1, 16, 128, 512];
/// Both bounds of one measurement.
const MAX_MESSAGES: usize = 40_960;
const MAX_TIME: Duration = Duration::from_millis(600);

#[derive(Parser)]
pub struct Args {
    /// Directory for the databases; must be on a real disk for `synchronous=FULL` to mean anything
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Interleaved repetitions; medians are printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    #[arg(long, value_enum, default_value_t = Synchronous::Full)]
    synchronous: Synchronous,
    /// Also write the table to this file
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Synchronous {
    Full,
    Normal,
}

impl Synchronous {
    fn pragma(self) -> &'static str {
        match self {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        }
    }
}

#[derive(Clone, Copy)]
enum Variant {
    Rusqlite,
    Sqlx(sqlx_writer::Style),
}

const VARIANTS: [(&str, Variant); 5] = [
    ("rusqlite, prepared, per row", Variant::Rusqlite),
    (
        "sqlx, json_each",
        Variant::Sqlx(sqlx_writer::Style::JsonEach),
    ),
    (
        "sqlx, json_each, one call",
        Variant::Sqlx(sqlx_writer::Style::JsonEachOneCall),
    ),
    (
        "sqlx, multi-row VALUES",
        Variant::Sqlx(sqlx_writer::Style::Values),
    ),
    (
        "sqlx, per row (for contrast)",
        Variant::Sqlx(sqlx_writer::Style::PerRow),
    ),
];

/// What one measurement found.
#[derive(Clone, Copy)]
struct Sample {
    cpu_us_per_message: f64,
    messages_per_second: f64,
}

pub fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.dir)
        .with_context(|| format!("create the directory {}", args.dir.display()))?;
    let messages = rows::generate(MAX_MESSAGES);
    let mut samples = vec![Vec::new(); VARIANTS.len() * GROUP_SIZES.len()];
    for _ in 0..args.rounds {
        for (s, &size) in GROUP_SIZES.iter().enumerate() {
            for (v, &(name, variant)) in VARIANTS.iter().enumerate() {
                let dir = tempfile::tempdir_in(&args.dir)?;
                let path = dir.path().join("append.db");
                let sample = measure(variant, &path, args.synchronous, &messages, size)
                    .with_context(|| format!("{name}, groups of {size}"))?;
                samples[v * GROUP_SIZES.len() + s].push(sample);
            }
        }
    }
    let table = render(args, &samples)?;
    print!("{table}");
    if let Some(output) = &args.output {
        std::fs::write(output, &table).with_context(|| format!("write {}", output.display()))?;
    }
    Ok(())
}

fn measure(
    variant: Variant,
    path: &Path,
    synchronous: Synchronous,
    messages: &[Message],
    size: usize,
) -> Result<Sample> {
    rows::create_tables(path)?;
    let (written, cpu, wall) = match variant {
        Variant::Rusqlite => rusqlite_writer::write(path, synchronous, messages, size)?,
        Variant::Sqlx(style) => sqlx_writer::write(path, synchronous, messages, size, style)?,
    };
    let stored = rows::count(path)?;
    let expected = written as i64;
    ensure!(
        stored == (expected, expected),
        "{written} messages written, {stored:?} rows stored"
    );
    Ok(Sample {
        cpu_us_per_message: cpu.as_secs_f64() * 1e6 / written as f64,
        messages_per_second: written as f64 / wall.as_secs_f64(),
    })
}

/// Wall and CPU time of the whole process from the start of the writing to its end; the
/// measurement stops itself at `MAX_TIME`.
struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Stopwatch {
            cpu: proc_stat::own_cpu(),
            wall: Instant::now(),
        }
    }

    fn expired(&self) -> bool {
        self.wall.elapsed() > MAX_TIME
    }

    fn stop(self) -> (Duration, Duration) {
        let wall = self.wall.elapsed();
        (proc_stat::own_cpu().saturating_sub(self.cpu), wall)
    }
}

fn render(args: &Args, samples: &[Vec<Sample>]) -> Result<String> {
    let mut table = String::new();
    writeln!(
        table,
        "append: WAL, synchronous={}, a row in the table and a row in the log per message, \
         SQLite {}, medians of {} rounds\n",
        args.synchronous.pragma(),
        rusqlite::version(),
        args.rounds,
    )?;
    for (title, pick) in [
        (
            "CPU µs per message (whole process)",
            cpu as fn(&Sample) -> f64,
        ),
        ("messages per second", rate),
    ] {
        write!(table, "{title:<36}")?;
        for size in GROUP_SIZES {
            write!(table, "{size:>10}")?;
        }
        writeln!(table, "   messages a transaction")?;
        for (v, (name, _)) in VARIANTS.iter().enumerate() {
            write!(table, "  {name:<34}")?;
            for s in 0..GROUP_SIZES.len() {
                let value = median(samples[v * GROUP_SIZES.len() + s].iter().map(pick));
                let decimals = if value < 1000.0 { 2 } else { 0 };
                write!(table, "{value:>10.decimals$}")?;
            }
            writeln!(table)?;
        }
        writeln!(table)?;
    }
    writeln!(
        table,
        "The host appends with rusqlite, prepared, per row (host/src/storage/sqlite/append.rs)."
    )?;
    Ok(table)
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu_us_per_message
}

fn rate(sample: &Sample) -> f64 {
    sample.messages_per_second
}
