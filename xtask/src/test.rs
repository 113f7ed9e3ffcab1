//! `cargo xtask test`: everything that has a test.

use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use crate::plugins::Built;
use crate::summary::Summary;
use crate::{browser, guests, javascript, plugins, process, python, workspace};

#[derive(clap::Args)]
pub struct Args {
    /// Leave out the browser
    #[arg(long)]
    fast: bool,
    /// Only the workspace's tests whose name contains this
    filter: Option<String>,
}

pub fn run(args: &Args) -> ExitCode {
    let mut summary = Summary::default();
    match javascript::ensure() {
        None => {}
        Some(why) => summary.skip("plugins in JavaScript", &why),
    }
    if !build_guests(&mut summary) {
        return summary.finish();
    }
    python::test(&mut summary);
    workspace_tests(args, &mut summary);
    if args.filter.is_none() {
        summary.run("tests of the plugins", plugin_tests);
        javascript::types::test(&mut summary);
        if !args.fast {
            browser::test(&mut summary);
        }
    }
    summary.finish()
}

/// Tells whether the plugins are there; the other guests may be missing.
pub fn build_guests(summary: &mut Summary) -> bool {
    let mut missing = None;
    let built = summary.run("plugins", || {
        if let Built::Released(why) = plugins::build()? {
            missing = Some(why);
            guests::collect_released()?;
        }
        Ok(())
    });
    match missing {
        _ if !built => false,
        None => summary.run("guests for tests", guests::build),
        Some(why) => {
            summary.skip("guests for tests", &why);
            true
        }
    }
}

fn workspace_tests(args: &Args, summary: &mut Summary) {
    // A test whose needs are not met passes, and cargo shows nothing of tests that pass:
    // it adds a line to this file.
    let skipped = workspace::target().join("skipped-tests.txt");
    summary.run("tests of the workspace", || {
        fs::write(&skipped, "")?;
        let mut test = process::cargo("test --workspace --no-fail-fast");
        test.args(&args.filter)
            .env("HOOKCAST_GUESTS", guests::folder())
            .env("HOOKCAST_SKIPPED", &skipped);
        process::run(&mut test)
    });
    for line in fs::read_to_string(&skipped).unwrap_or_default().lines() {
        let (test, why) = line
            .split_once(": ")
            .unwrap_or((line, "something is missing"));
        summary.skip(test, why);
    }
}

fn plugin_tests() -> Result<()> {
    process::run(&mut process::cargo_guests("test --no-fail-fast", "plugins"))
}
