//! `[engine]`: wasmtime, which runs the plugins.

use std::path::PathBuf;

use super::limits::read_caps;
use super::reader::{Section, Wrong};
use super::value::Value;
use crate::plugin::Limits;

/// What all plugins share.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineConfig {
    /// Most plugin instances at a time, over all plugins.
    pub instances: u32,
    /// Bytes of stack that a guest may use.
    pub stack: usize,
    /// Folder of compiled code; may be deleted at any time.
    pub cache: PathBuf,
    /// The highest value that each limit of any plugin may have.
    pub caps: Limits,
    /// PEM file of root certificates for plugins' HTTPS requests, besides the system's.
    pub http_roots: Option<PathBuf>,
}

impl EngineConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            // Each instance reserves address space for its memory, used or not: 20,000
            // of 4 GiB are more than half of what a process can address.
            // A plugin without limits of its own may have 32.
            instances: section.read("instances", 1000, |value| value.whole(32..=20_000)),
            stack: section.read("stack", 512 << 10, |value| {
                value.size((64 << 10)..=(16 << 20))
            }),
            cache: section.read("cache", "data/cache".into(), folder),
            caps: read_caps(section.section("caps")),
            http_roots: section.read("http_roots", None, file),
        };
        section.finish();
        config
    }
}

/// A file, relative to the working directory; empty is none.
fn file(value: &Value<'_>) -> Result<Option<PathBuf>, Wrong> {
    let text = value.text()?;
    if text.contains('\0') {
        return Err(Wrong::new("is not a path", "name a file"));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// A folder, relative to the working directory.
pub(super) fn folder(value: &Value<'_>) -> Result<PathBuf, Wrong> {
    let text = value.text()?;
    if text.is_empty() || text.contains('\0') {
        return Err(Wrong::new("is not a path", "name a folder"));
    }
    Ok(text.into())
}
