//! `cargo xtask soak`: minutes of attacks, and whether the neighbours notice (bench/README.md).

use std::process::Command;

use anyhow::{Result, bail};

use crate::plugins::Built;
use crate::{guests, javascript, plugins, process, workspace};

#[derive(clap::Args)]
pub struct Args {
    /// How long the attacks last
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Run debug builds with a tenth of the traffic: to try the tool, as the figures mean nothing
    #[arg(long)]
    debug: bool,
}

pub fn run(args: &Args) -> Result<()> {
    if let Built::Released(why) = plugins::build()? {
        bail!("the plugins that attack must be built: {why}");
    }
    guests::build()?;
    javascript::ensure();
    let (profile, builds): (_, &[_]) = if args.debug {
        (
            "debug",
            &["build --workspace --bin hookcast --bin hookcast-bench"],
        )
    } else {
        // Together: apart they would want other features of wasmtime, which takes minutes.
        let builds = &["build --release -p hookcast -p hookcast-bench"];
        ("release", builds)
    };
    for build in builds {
        process::run(&mut process::cargo(build))?;
    }
    let mut soak = Command::new(workspace::target().join(profile).join("hookcast-bench"));
    soak.arg("soak")
        .args(["--minutes", &args.minutes.to_string()])
        .arg("--hookcast")
        .arg(workspace::hookcast(profile))
        .arg("--plugin")
        .arg(workspace::root().join("plugins/bench.wasm"))
        .arg("--guests")
        .arg(guests::folder())
        .current_dir(workspace::root());
    if args.debug {
        soak.args(["--rate", "50", "--subscribers", "20"]);
    }
    process::run(&mut soak)
}
