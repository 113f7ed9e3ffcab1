//! What this program carries for new plugins: the interfaces and the SDKs they were built
//! with, so that a plugin needs nothing but this one file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use include_dir::{Dir, DirEntry, include_dir};

/// The interfaces between host and plugins.
pub(super) static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../wit");

/// The sources of the Rust SDK.
pub(super) static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/src");

/// The Python package, with the command that builds.
pub(super) static PYTHON: Dir<'_> =
    include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/python/hookcast");

/// Types of hooks and host functions for scripts.
pub(super) const TYPES: &str = include_str!("../../../../guest-sdk/javascript/hookcast.d.ts");

/// Writes a folder with all that is in it.
pub(super) fn unpack(dir: &Dir<'_>, into: &Path) -> Result<()> {
    for entry in dir.entries() {
        let name = entry.path().file_name().unwrap_or_default();
        let target = into.join(name);
        match entry {
            // What a Python interpreter leaves behind.
            DirEntry::Dir(_) if name == "__pycache__" => {}
            DirEntry::Dir(inner) => unpack(inner, &target)?,
            DirEntry::File(file) => write(&target, file.contents())?,
        }
    }
    Ok(())
}

/// Writes a file, making its folder.
pub(super) fn write(file: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let written = file.parent().map_or(Ok(()), fs::create_dir_all);
    written
        .and_then(|()| fs::write(file, contents))
        .with_context(|| format!("can't write {}", file.display()))
}
