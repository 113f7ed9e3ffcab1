//! The compilation targets of guests, and where their files go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{process, workspace};

/// Plugins are components.
pub const COMPONENT: &str = "wasm32-wasip2";
/// For the one guest that is a core module.
pub const CORE: &str = "wasm32-unknown-unknown";

/// Adds the target if it is missing.
///
/// # Errors
/// Where it can't be had, and why.
pub fn ensure(target: &str) -> Result<()> {
    if is_installed(target)? {
        return Ok(());
    }
    eprintln!("the Rust target {target} is missing; adding it");
    process::run(Command::new("rustup").args(["target", "add", target]))
        .with_context(|| format!("the Rust target {target} can't be installed"))
}

// Rust from elsewhere than rustup may bring the target as well.
fn is_installed(target: &str) -> Result<bool> {
    let libraries = ["--print", "target-libdir", "--target", target];
    let path = process::read(
        Command::new("rustc")
            .args(libraries)
            .current_dir(workspace::root()),
    )?;
    Ok(Path::new(&path).is_dir())
}

/// Copies a file so that nobody ever sees half of it: a running server may be watching.
pub fn place(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension("wasm.part");
    fs::copy(from, &half)
        .and_then(|_| fs::rename(&half, to))
        .with_context(|| format!("can't copy {} to {}", from.display(), to.display()))
}

/// The components and modules in a folder, in order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        if entry.extension().is_some_and(|end| end == "wasm") {
            files.push(entry);
        }
    }
    Ok(files)
}

/// What is in a folder, in order of the names.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut entries = read().with_context(|| format!("can't read {}", folder.display()))?;
    entries.sort();
    Ok(entries)
}
