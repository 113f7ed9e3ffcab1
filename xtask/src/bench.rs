//! `cargo xtask bench`: release builds, measured (bench/README.md).

use std::process::Command;

use anyhow::{Result, bail};

use crate::plugins::Built;
use crate::{guests, javascript, plugins, process, workspace};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Measures and options of `hookcast-bench run`; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    process::run(&mut process::cargo("build --release -p hookcast-bench"))?;
    let mut bench = Command::new(workspace::target().join("release/hookcast-bench"));
    bench.arg("run").current_dir(workspace::root());
    let help = args
        .arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h");
    if !help {
        if let Built::Released(why) = plugins::build()? {
            bail!("the plugin that is measured must be built: {why}");
        }
        guests::build()?;
        javascript::ensure();
        process::run(&mut process::cargo("build --release -p hookcast"))?;
        bench
            .arg("--hookcast")
            .arg(workspace::hookcast("release"))
            .arg("--plugin")
            .arg(workspace::root().join("plugins/bench.wasm"))
            .arg("--misbehave")
            .arg(guests::folder().join("misbehave.wasm"));
    }
    process::run(bench.args(&args.arguments))
}
