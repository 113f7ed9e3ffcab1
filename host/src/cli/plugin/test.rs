//! `hookcast plugin test`: does each fixture go as it expects.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};

use super::fixtures;
use super::local::{Local, Which};
use crate::cli::print_line;
use crate::plugin::{Fixture, HookError, Ran, run as run_fixture};

/// Run fixtures without a server: each on a fresh instance, with a clock that stands still
///
/// Builds the plugin first if it has a source. Fails if a fixture does not go as it expects.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Files; without any those of fixtures/NAME/
    fixtures: Vec<PathBuf>,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let local = Local::of(&args.which)?;
    let fixtures = fixtures::read(&local.name, &args.fixtures)?;
    let engine = local.engine(false)?;
    let generation = local
        .load(&engine)
        .await
        .map_err(|error| anyhow!("{error}"))?;
    let mut failed = 0;
    for (file, fixture) in &fixtures {
        let ran = run_fixture(&generation, fixture).await;
        let problems = problems(fixture, &ran);
        let verdict = if problems.is_empty() { "ok  " } else { "FAIL" };
        print_line(format_args!("{verdict} {}", named(file, fixture)));
        if problems.is_empty() {
            continue;
        }
        failed += 1;
        let logs = ran.logs.iter().map(|line| format!("log: {line}"));
        for line in problems.into_iter().chain(logs) {
            print_line(format_args!("     {}", line.replace('\n', "\n     ")));
        }
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} fixtures failed", fixtures.len()),
    }
}

/// What is wrong with how a fixture went. One that expects nothing must not fail.
fn problems(fixture: &Fixture, ran: &Ran) -> Vec<String> {
    match (&fixture.expect, &ran.outcome) {
        (Some(expect), _) => ran.differences(expect),
        (None, Ok(_) | Err(HookError::Rejected(_))) => Vec::new(),
        (None, Err(error)) => vec![error.to_string()],
    }
}

fn named(file: &str, fixture: &Fixture) -> String {
    match &fixture.name {
        Some(name) => format!("{file}: {}", name.escape_debug()),
        None => file.to_owned(),
    }
}
