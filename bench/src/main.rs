//! `hookcast-bench`: measures Hookcast next to a hand-written axum server and the raw write floor.
//!
//! Everything runs on 127.0.0.1 and every run is bounded in count and time.

#![forbid(unsafe_code)]

mod append;
mod attack;
mod connection;
mod epoll;
mod figure;
mod figures;
mod goals;
mod hooks;
mod http;
mod limits;
mod load;
mod marker;
mod measure;
mod proc_stat;
mod reload;
mod report;
mod run;
mod serve_axum;
mod serve_floor;
mod server;
mod soak;
mod sync_time;
mod websocket;

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
    /// Measure Hookcast, the axum reference and the floor, interleaved, and print medians
    Run(run::Args),
    /// What a call of a hook costs, beside a native closure and wasmtime alone, and what memory
    /// an instance takes
    Hooks(hooks::Args),
    /// How long it takes to exchange a plugin, to deploy a new one, and to start with a hundred
    Reload(reload::Args),
    /// Attack for minutes by all plugins that misbehave, and check that the neighbours don't suffer
    Soak(soak::Args),
    /// Compare ways of writing one group of messages to SQLite: sqlx set-based, rusqlite per row
    Append(append::Args),
    /// The reference server: axum and a broadcast channel, no storage, no plugin
    ServeAxum(serve_axum::Args),
    /// The floor: ready-made frames written to all sockets, nothing else
    ServeFloor(serve_floor::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Hooks(args) => hooks::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Append(args) => append::run(&args),
        Command::ServeAxum(args) => serve_axum::run(&args),
        Command::ServeFloor(args) => serve_floor::run(&args),
    }
}
