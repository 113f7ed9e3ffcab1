//! `hookcast plugin`: from an idea to a hook that runs; one file a subcommand.

mod build;
mod embedded;
mod logs;
mod new;
mod project;

use std::process::ExitCode;

use clap::Subcommand;

use super::fail;

/// Write plugins: start one, build it, read what it says
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Logs(logs::Args),
}

pub(super) fn run(args: Args) -> ExitCode {
    let done = match args.command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Logs(args) => logs::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // With its causes.
        Err(error) => fail(format_args!("{error:#}")),
    }
}
