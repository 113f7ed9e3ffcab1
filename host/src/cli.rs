//! The command line: one file a subcommand.

mod admin;
mod check_config;
mod client;
mod compile_plugin;
mod connect;
mod import;
mod plugin;
mod serve;
mod url;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, is_plugin_name};

/// Where the config is unless it is named.
const DEFAULT_CONFIG: &str = "config/hookcast.toml";

/// Exit code for a config, or a command line, that can't be used.
const EXIT_USAGE: u8 = 2;

/// A publish-subscribe server whose logic is plugged in as sandboxed WebAssembly.
#[derive(Debug, Parser)]
#[command(name = "hookcast", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    CheckConfig(check_config::Args),
    Connect(connect::Args),
    Import(import::Args),
    Admin(admin::Args),
    Plugin(plugin::Args),
    #[command(hide = true)]
    CompilePlugin(compile_plugin::Args),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Connect(args) => connect::run(args),
        Command::Import(args) => import::run(&args),
        Command::Admin(args) => admin::run(args),
        Command::CompilePlugin(args) => compile_plugin::run(args),
        Command::Plugin(args) => plugin::run(args),
    }
}

/// Loads a config, or prints what is wrong with it.
fn load_config(file: &Path) -> Result<Config, ExitCode> {
    Config::load(file).map_err(|errors| {
        eprintln!("{errors}");
        ExitCode::from(EXIT_USAGE)
    })
}

fn plugin_name(text: &str) -> Result<String, &'static str> {
    if is_plugin_name(text) {
        return Ok(text.to_owned());
    }
    Err(
        "a plugin's name has small letters, digits and dashes; it is the file's name without its \
         ending",
    )
}

/// A runtime for commands that talk over sockets.
fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| fail(format_args!("can't start: {error}")))
}

/// Says why the command failed.
fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("hookcast: {error}");
    ExitCode::FAILURE
}

/// Writes a line to standard output. Unlike `println!` it does not panic when nobody
/// reads on, as in `hookcast admin plugins | head -1`.
fn print_line(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
