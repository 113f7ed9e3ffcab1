//! `[storage]`: the database.

use std::fmt;
use std::path::PathBuf;

use super::reader::{Section, Wrong};
use super::value::Value;

/// Where rows and logs are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageConfig {
    pub url: StorageUrl,
    /// Most messages in one commit.
    pub group_limit: usize,
}

/// A database by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageUrl {
    /// A file; relative to the working directory.
    Sqlite(PathBuf),
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

impl StorageConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            url: section.read("url", StorageUrl::Sqlite("data/hookcast.db".into()), url),
            group_limit: section.read("group_limit", 1024, |value| value.whole(1..=65_536)),
        };
        section.finish();
        config
    }
}

fn url(value: &Value<'_>) -> Result<StorageUrl, Wrong> {
    let example = "write \"sqlite://data/hookcast.db\" (three slashes for an absolute path)";
    // The URL is not repeated in messages: other schemes carry passwords.
    let text = value.text()?;
    let Some((scheme, path)) = text.split_once("://") else {
        return Err(Wrong::new("is not a URL", example));
    };
    if scheme != "sqlite" {
        return Err(Wrong::new(
            format!("has the scheme `{scheme}`, which this version does not know"),
            "use sqlite://PATH, the only one so far",
        ));
    }
    if path.contains(":memory:") {
        return Err(Wrong::new(
            "asks for a database in memory, which would lose what was acknowledged",
            "name a file, or set `durability = \"ephemeral\"` on endpoints that need none",
        ));
    }
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '#', '\0']) {
        return Err(Wrong::new("does not name a plain file", example));
    }
    Ok(StorageUrl::Sqlite(path.into()))
}
