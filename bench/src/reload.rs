//! `reload`: how long it takes to exchange a plugin, to deploy a new build, and to start with a
//! hundred plugins. A real server, its admin API, and its own times of the steps.

mod restart;
mod section;
mod steps;
mod swap;
mod upload;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

use crate::goals::Table;
use crate::limits;
use crate::server::Setup;

const OPEN_FILES: u64 = 4_000;

#[derive(Parser)]
pub struct Args {
    /// The `hookcast` binary, a release build
    #[arg(long)]
    hookcast: PathBuf,
    /// The plugin that is uploaded, and that a restart has a hundred of
    #[arg(long)]
    chat: PathBuf,
    /// Two builds of a plugin that take each other's place
    #[arg(long)]
    one: PathBuf,
    #[arg(long)]
    other: PathBuf,
    /// Directory for databases, plugins and logs; must be on a real disk for syncs to mean
    /// anything
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Exchanges of a plugin whose machine code is cached
    #[arg(long, default_value_t = 101, value_parser = clap::value_parser!(u32).range(1..=1_001))]
    swaps: u32,
    /// Uploads of a build that the server has never seen
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=201))]
    uploads: u32,
    /// Restarts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=51))]
    restarts: u32,
    /// Plugins that a restart loads
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
    plugins: u32,
}

/// Measures and prints; an error only when something could not be measured, or a message was
/// lost meanwhile.
pub fn run(args: &Args) -> Result<()> {
    limits::raise_open_files(OPEN_FILES)?;
    fs::create_dir_all(&args.dir)
        .with_context(|| format!("create the directory {}", args.dir.display()))?;
    let setup = Setup {
        hookcast: Some(args.hookcast.clone()),
        plugin: None,
        misbehave: None,
        dir: args.dir.clone(),
    };
    let mut table = Table::default();
    swap::measure(&setup, &args.one, &args.other, args.swaps, &mut table)
        .context("the exchange of a cached plugin")?;
    let chat = read(&args.chat)?;
    upload::measure(&setup, &args.chat, &chat, args.uploads, &mut table)
        .context("the upload of a new build")?;
    restart::measure(&setup, &chat, args.plugins, args.restarts, &mut table)
        .context("the restart")?;
    print!("{table}");
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("read {}", file.display()))
}
