//! `cargo xtask released`: keep the plugins' current versions in tests/released/.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{plugins, process, wasm, workspace};

/// Not for users: it only serves `cargo xtask bench`.
const UNRELEASED: &str = "bench";

pub fn run() -> Result<()> {
    wasm::ensure(wasm::COMPONENT)?;
    // Apart from other builds: other flags would have cargo build everything anew each time.
    let target = workspace::guests_target().join("released");
    let build = format!("build --release --target {}", wasm::COMPONENT);
    let mut build = process::cargo_guests(&build, "plugins");
    process::run(
        build
            .env("RUSTFLAGS", flags()?)
            .env("CARGO_TARGET_DIR", &target),
    )?;
    let built = target.join(wasm::COMPONENT).join("release");
    for name in plugins::names()? {
        if name != UNRELEASED {
            keep(&name, &built)?;
        }
    }
    Ok(())
}

/// A released build is never replaced: it proves that the host still runs it.
fn keep(name: &str, built: &Path) -> Result<()> {
    let file = format!("{name}-{}.wasm", version(name)?);
    let kept = workspace::root().join("tests/released").join(&file);
    if kept.exists() {
        println!("tests/released/{file} is kept as it is; for a new one raise the version");
        return Ok(());
    }
    wasm::place(&built.join(format!("{name}.wasm")), &kept)?;
    println!("tests/released/{file} is new");
    Ok(())
}

fn version(name: &str) -> Result<String> {
    let id = process::read(&mut process::cargo_guests(
        &format!("pkgid -p {name}"),
        "plugins",
    ))?;
    let version = id.rsplit(['#', '@']).next();
    version
        .map(str::to_owned)
        .with_context(|| format!("no version in `{id}`"))
}

/// Leaves this machine's paths out of the messages of panics.
fn flags() -> Result<String> {
    let mut flags = format!("--remap-path-prefix={}/=", workspace::root().display());
    for sources in wasm::entries(&cargo_home()?.join("registry/src"))? {
        write!(flags, " --remap-path-prefix={}=deps", sources.display())?;
    }
    Ok(flags)
}

fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    home.context("there is no home folder; set CARGO_HOME")
}
