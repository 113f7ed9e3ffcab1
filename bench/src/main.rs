//! `hookcast-bench`: measures Hookcast next to a hand-written axum server and the raw write floor.
//!
//! Everything runs on 127.0.0.1 and every run is bounded in count and time.

mod append;
mod proc_stat;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "hookcast-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare ways of writing one group of messages to SQLite: sqlx set-based, rusqlite per row
    Append(append::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Append(args) => append::run(&args),
    }
}
