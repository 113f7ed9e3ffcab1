//! `hookcast plugin`: from an idea to a hook that runs; one file a subcommand.

mod bench;
mod build;
mod check;
mod embedded;
mod files;
mod fixtures;
mod local;
mod logs;
mod new;
mod project;
mod replay;
mod test;
mod watch;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Subcommand;

use super::{fail, runtime};

/// Write plugins: start one, build it, try it, read what it says
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Test(test::Args),
    Replay(replay::Args),
    Bench(bench::Args),
    Watch(watch::Args),
    Logs(logs::Args),
}

pub(super) fn run(args: Args) -> ExitCode {
    let done = match args.command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Check(args) => with_runtime(check::run(&args)),
        Command::Test(args) => with_runtime(test::run(&args)),
        Command::Replay(args) => with_runtime(replay::run(&args)),
        Command::Bench(args) => with_runtime(bench::run(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // With its causes.
        Err(error) => fail(format_args!("{error:#}")),
    }
}

/// Runs a command that runs plugins in this process.
fn with_runtime(command: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = runtime().map_err(|_| anyhow!("nothing was run"))?;
    runtime.block_on(command)
}
