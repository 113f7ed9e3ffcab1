//! A start with many plugins whose machine code is cached.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::section::numbered;
use crate::figures::median;
use crate::goals::{Goal, Table};
use crate::server::{CHAT, Setup, endpoint};

pub fn measure(
    setup: &Setup,
    chat: &[u8],
    plugins: u32,
    restarts: u32,
    table: &mut Table,
) -> Result<()> {
    let builds = tempfile::tempdir_in(&setup.dir).context("make a directory")?;
    let files = (0..plugins)
        .map(|number| build(builds.path(), chat, number))
        .collect::<Result<Vec<_>>>()?;
    let named: Vec<(&str, &Path)> = files
        .iter()
        .map(|(name, file)| (name.as_str(), file.as_path()))
        .collect();
    let first = named.first().map_or("", |(name, _)| name);
    // The first start compiles them all.
    let mut server = setup.start_hookcast(&named, &endpoint(CHAT, first))?;
    let mut times = Vec::new();
    for _ in 0..restarts {
        times.push(server.restart()?.as_secs_f64() * 1e3);
    }
    table.heading(format!(
        "restart with {plugins} cached plugins, {restarts} times; median"
    ));
    let time = median(times.into_iter());
    let name = "from its start to the answer of /readyz";
    table.goal(name, time, "ms", Goal::AtMost(1_000.0));
    Ok(())
}

/// Writes a build of its own for each plugin: none shares another's machine code.
fn build(folder: &Path, chat: &[u8], number: u32) -> Result<(String, PathBuf)> {
    let name = format!("chat-{number:03}");
    let file = folder.join(&name).with_extension("wasm");
    fs::write(&file, numbered(chat, number))
        .with_context(|| format!("write {}", file.display()))?;
    Ok((name, file))
}
