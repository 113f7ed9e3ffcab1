//! `hookcast compile-plugin`: the process that a server compiles a plugin in.

use std::process::ExitCode;
use std::time::Duration;

use crate::plugin::{CompileFailure, CompileOrder, compile_exit, compile_here};

/// Compile a component from standard input to standard output
///
/// For the server's own use: it starts this command for each plugin that it has not
/// compiled yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Time that the server will wait
    #[arg(long)]
    millis: u64,
    /// Bytes of memory to use at most
    #[arg(long)]
    memory: u64,
    /// What the server's code depends on; this executable's must be equal
    #[arg(long)]
    compatibility: String,
}

pub(super) fn run(args: Args) -> ExitCode {
    let order = CompileOrder {
        time: Duration::from_millis(args.millis),
        memory: args.memory,
        compatibility: args.compatibility,
    };
    match compile_here(&order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(CompileFailure::Problem(problem)) => {
            eprint!("{problem}");
            ExitCode::from(compile_exit::PROBLEM)
        }
        Err(CompileFailure::OutOfMemory) => ExitCode::from(compile_exit::OUT_OF_MEMORY),
        Err(CompileFailure::OtherVersion(own)) => {
            eprint!("this executable compiles for {own}");
            ExitCode::from(compile_exit::OTHER_VERSION)
        }
    }
}
