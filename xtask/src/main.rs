//! `cargo xtask`: every chore of this repository. One command, one file.

#![forbid(unsafe_code)]

mod bench;
mod browser;
mod check;
mod demo;
mod guests;
mod javascript;
mod plugins;
mod process;
mod python;
mod raw;
mod released;
mod soak;
mod summary;
mod test;
mod wasm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the sample plugins and start the server with a page to try it
    Demo(demo::Args),
    /// Run all tests: of the workspace, of the plugins, of the page in a browser
    Test(test::Args),
    /// Format, lints and dependencies, as CI checks them
    Check(check::Args),
    /// Build the sample plugins into plugins/NAME.wasm
    Plugins,
    /// Make the component that runs plugins in JavaScript, as part of the server
    Javascript,
    /// Build every plugin that tests load into one folder, and print it
    Guests,
    /// Test the page in a real browser
    Browser,
    /// Measure the server next to its references, or `hooks`, or `reload` (bench/README.md)
    Bench(bench::Args),
    /// Attack the server for minutes by all plugins that misbehave, and watch the neighbours
    Soak(soak::Args),
    /// Keep the plugins' current versions in tests/released/
    Released,
    #[command(hide = true)]
    Announce(demo::Announcement),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(&args)?,
        Command::Test(args) => return Ok(test::run(&args)),
        Command::Check(args) => return Ok(check::run(&args)),
        Command::Plugins => plugins::run()?,
        Command::Javascript => javascript::run()?,
        Command::Guests => guests::run()?,
        Command::Browser => return Ok(browser::run()),
        Command::Bench(args) => bench::run(&args)?,
        Command::Soak(args) => soak::run(&args)?,
        Command::Released => released::run()?,
        Command::Announce(announcement) => announcement.run()?,
    }
    Ok(ExitCode::SUCCESS)
}
