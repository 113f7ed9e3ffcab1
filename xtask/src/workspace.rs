//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().unwrap_or(crate_dir)
}

/// What cargo builds for this machine: `CARGO_TARGET_DIR` or `target`, absolute.
pub fn target() -> PathBuf {
    // A relative one counts from where `cargo xtask` was called, as it does for cargo.
    env::var_os("CARGO_TARGET_DIR")
        .and_then(|configured| std::path::absolute(configured).ok())
        .unwrap_or_else(|| root().join("target"))
}

/// What cargo builds from the workspaces of guests; apart, because plugins that are
/// built while a server is compiled would wait for cargo's lock.
pub fn guests_target() -> PathBuf {
    target().join("guests")
}

/// The server's binary of a profile (`debug`, `release`).
pub fn hookcast(profile: &str) -> PathBuf {
    target().join(profile).join("hookcast")
}

/// With `-p hookcast` instead of `--workspace`, cargo would select other features of shared
/// dependencies than for the tests, and compile the WebAssembly engine a second time.
pub const BUILD_HOOKCAST: &str = "build --workspace --bin hookcast";

/// In CI what is missing is a failure; on a developer's machine it is skipped and said.
pub fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}
