//! `hookcast plugin bench`: what each fixture's call costs, and whether that is too much.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::fixtures;
use super::local::{Local, Which};
use crate::cli::print_line;
use crate::plugin::{Engine, Fixture, Generation, Measured, measure};

/// The longest that one fixture is measured.
const PATIENCE: Duration = Duration::from_secs(5);

/// Measure fixtures: time, bytes and instructions of each call
///
/// Times are of calls on a warm instance, without the server around them. Instructions are
/// the same on every machine. Builds the plugin first if it has a source.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Files; without any those of fixtures/NAME/
    fixtures: Vec<PathBuf>,
    /// Calls of each fixture
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
    /// Fail if a fixture's median is above this, as 50us or 2ms
    #[arg(long, value_name = "TIME", value_parser = time)]
    budget_time: Option<Duration>,
    /// Fail if a fixture takes more instructions
    #[arg(long, value_name = "COUNT")]
    budget_instructions: Option<u64>,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let local = Local::of(&args.which)?;
    let fixtures = fixtures::read(&local.name, &args.fixtures)?;
    let engine = local.engine(false)?;
    let timed = load(&local, &engine).await?;
    let counting = local.engine(true)?;
    let counted = load(&local, &counting).await?;
    print_line(format_args!(
        "{:<24} {:<9} {:>10} {:>10} {:>8} {:>8} {:>13}",
        "FIXTURE", "HOOK", "MEDIAN", "P99", "IN", "OUT", "INSTRUCTIONS"
    ));
    let mut over = Vec::new();
    for (file, fixture) in &fixtures {
        let times = cost(&timed, file, fixture, args.calls).await?;
        // Every call takes the same.
        let counts = cost(&counted, file, fixture, 1).await?;
        let median = quantile(&times.took, 50);
        let instructions = counts.instructions.unwrap_or_default();
        print_line(format_args!(
            "{file:<24} {:<9} {:>10} {:>10} {:>8} {:>8} {instructions:>13}",
            fixture.input.hook().to_string(),
            micros(median),
            micros(quantile(&times.took, 99)),
            times.bytes_in,
            times.bytes_out,
        ));
        if let Some(budget) = args.budget_time.filter(|budget| median > *budget) {
            over.push(format!(
                "{file}: {}, budget {}",
                micros(median),
                micros(budget)
            ));
        }
        if let Some(budget) = args
            .budget_instructions
            .filter(|budget| instructions > *budget)
        {
            over.push(format!(
                "{file}: {instructions} instructions, budget {budget}"
            ));
        }
    }
    match over.is_empty() {
        true => Ok(()),
        false => bail!("over budget: {}", over.join("; ")),
    }
}

async fn load(local: &Local, engine: &Engine) -> Result<Generation> {
    local.load(engine).await.map_err(|error| anyhow!("{error}"))
}

async fn cost(
    generation: &Generation,
    file: &str,
    fixture: &Fixture,
    calls: usize,
) -> Result<Measured> {
    let measured = measure(generation, fixture, calls, PATIENCE).await;
    measured.map_err(|ran| match ran.outcome {
        Err(error) => anyhow!("{file}: {error}"),
        Ok(_) => anyhow!("{file} was not called"),
    })
}

/// The value below which this share of the sorted times is, in hundredths.
fn quantile(sorted: &[Duration], hundredths: usize) -> Duration {
    let index = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}

/// A number and one of ns, us, ms and s.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write a number and ns, us, ms or s, as 50us");
    let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ns" => Ok(Duration::from_nanos(number)),
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_have_units() {
        assert_eq!(time("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(time("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["50", "us", "5 us", "1.5ms", "1h"] {
            assert!(
                time(wrong).is_err_and(|error| error.contains("50us")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn quantiles_are_of_what_there_is() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        assert_eq!(quantile(&times, 50), Duration::from_micros(51));
        assert_eq!(quantile(&times, 99), Duration::from_micros(100));
        assert_eq!(quantile(&times[..1], 99), Duration::from_micros(1));
    }
}
