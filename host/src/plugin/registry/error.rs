//! Why a request about plugins was not carried out.

use std::io;
use std::path::PathBuf;

use crate::plugin::load::LoadError;

/// A request about plugins that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The old generation, if there was one, goes on serving.
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("there is no plugin `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error(
        "plugin `{name}` is used by {users} and can't be deleted; take it out of `plugins` there \
         and reload the config"
    )]
    InUse { name: String, users: String },
    #[error("can't {what} {}: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("plugin `{name}` has no generation to go back to; there is {known}")]
    NothingBefore { name: String, known: String },
    #[error("plugin `{name}` has no generation `{to}` to go back to; there is {known}")]
    NoSuchGeneration {
        name: String,
        to: String,
        known: String,
    },
    #[error("plugin `{name}` can't go back to {entry}, because it is what serves")]
    AlreadyLive { name: String, entry: String },
    #[error("{entry} of plugin `{name}` can't be read from the archive: {error}")]
    NotKept {
        name: String,
        entry: String,
        error: io::Error,
    },
    #[error("plugin `{name}` has no generation yet; upload one")]
    NeverLoaded { name: String },
}
