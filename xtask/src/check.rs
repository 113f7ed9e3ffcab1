//! `cargo xtask check`: what CI demands besides passing tests.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::summary::Summary;
use crate::{process, wasm, workspace};

/// All have a lock file of their own.
const WORKSPACES: [&str; 3] = [".", "plugins", "tests/components"];
const DENY: &str = "dependencies: bans, licences, sources";
const ADVISORIES: &str = "dependencies: advisories";

#[derive(clap::Args)]
pub struct Args {
    /// Leave out cargo-deny
    #[arg(long)]
    no_deny: bool,
}

pub fn run(args: &Args) -> ExitCode {
    let mut summary = Summary::default();
    summary.run("format", format);
    summary.run("lints of the workspace", lint);
    summary.run("lints of the plugins", lint_plugins);
    match wasm::ensure(wasm::COMPONENT) {
        Ok(()) => drop(summary.run("lints of the guests for tests", lint_components)),
        Err(why) => summary.skip("lints of the guests for tests", &format!("{why:#}")),
    }
    if args.no_deny {
        summary.unavailable(DENY, "left out by --no-deny");
    } else {
        deny(&mut summary);
    }
    summary.finish()
}

fn format() -> Result<()> {
    for folder in WORKSPACES {
        let mut fmt = process::cargo("fmt --all --check");
        process::run(fmt.current_dir(workspace::root().join(folder)))?;
    }
    Ok(())
}

fn lint() -> Result<()> {
    process::run(&mut process::cargo(
        "clippy --workspace --all-targets --keep-going -- -D warnings",
    ))
}

/// For this machine, on which their tests run.
fn lint_plugins() -> Result<()> {
    let clippy = "clippy --workspace --all-targets --keep-going -- -D warnings";
    process::run(&mut process::cargo_guests(clippy, "plugins"))
}

/// With the profile of their build, whose macros are compiled already.
fn lint_components() -> Result<()> {
    let clippy = format!(
        "clippy --release --workspace --target {} --keep-going -- -D warnings",
        wasm::COMPONENT
    );
    process::run(&mut process::cargo_guests(&clippy, "tests/components"))
}

fn deny(summary: &mut Summary) {
    let Some(program) = process::find("cargo-deny") else {
        return summary.skip(
            DENY,
            "needs cargo-deny: `cargo install --locked cargo-deny`",
        );
    };
    summary.run(DENY, || {
        deny_all(&program, &["bans", "licenses", "sources"])
    });
    // Their database lives in a repository that a closed network does not reach. That is
    // no fault of the code under test, so CI notes it as well and goes on.
    match process::read(
        Command::new(&program)
            .args(["fetch", "db"])
            .current_dir(workspace::root()),
    ) {
        Ok(_) => drop(summary.run(ADVISORIES, || deny_all(&program, &["advisories"]))),
        Err(_) => summary.unavailable(ADVISORIES, "their database can't be reached from here"),
    }
}

fn deny_all(program: &Path, checks: &[&str]) -> Result<()> {
    for folder in WORKSPACES {
        let mut deny = Command::new(program);
        deny.current_dir(workspace::root().join(folder))
            .arg("--config")
            .arg(workspace::root().join("deny.toml"))
            .arg("check")
            .args(checks);
        process::run(&mut deny)?;
    }
    Ok(())
}
