//! Starting other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Cargo for the main workspace, with `arguments` separated by spaces.
pub fn cargo(arguments: &str) -> Command {
    cargo_into(arguments, &workspace::target())
}

/// Cargo for a workspace of guests: `plugins` or `tests/components`.
pub fn cargo_guests(arguments: &str, folder: &str) -> Command {
    let mut command = cargo_into(arguments, &workspace::guests_target());
    command.current_dir(workspace::root().join(folder));
    // Flags meant for this machine's processor and linker break a build for WebAssembly.
    command.env_remove("RUSTFLAGS");
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

fn cargo_into(arguments: &str, target: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments.split_whitespace())
        .current_dir(workspace::root())
        .env("CARGO_TARGET_DIR", target);
    command
}

/// Shows the command, runs it, and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("can't start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What the command printed, and nothing else.
pub fn read(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .output()
        .with_context(|| format!("can't start `{line}`"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}", error.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Installs what a folder's package-lock.json names, unless it is there.
pub fn install_npm(folder: &Path) -> Result<()> {
    // `npm ci` copies the lock file; an older copy than ours belongs to other versions.
    let written = |file| fs::metadata(folder.join(file)).and_then(|file| file.modified());
    let installed = match (
        written("node_modules/.package-lock.json"),
        written("package-lock.json"),
    ) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    };
    if installed {
        return Ok(());
    }
    run(Command::new("npm").arg("ci").current_dir(folder))
}

/// A program on the `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name();
    program
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
