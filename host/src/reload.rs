//! Changing the running server: a plugin, or the config. All of it or nothing.
//!
//! A plugin's way: loaded ([`plugin`], [`rollback`], or by [`watch`] when its file has
//! changed), checked against the endpoints that use it ([`chains`]), swapped in, and
//! watched ([`probation`]) until it is known to work or the generation before is put
//! back. What must not be called is in [`quarantine`]. Each of these holds
//! [`App::changing`](crate::app::App), so that one comes after the other.

mod chains;
mod config;
mod plugin;
mod probation;
mod quarantine;
mod rollback;
pub mod watch;

use crate::config::ConfigErrors;
use crate::plugin::{LoadError, RegistryError};

pub use config::config;
pub use plugin::{Exchange, plugin, try_out};
pub use quarantine::{quarantine, resume};
pub use rollback::rollback;

/// Where a plugin's new code comes from.
pub enum Origin {
    /// The file in the plugins folder.
    File,
    /// An upload, which becomes the file once it has loaded.
    Upload(Vec<u8>),
}

/// Why a reload was not carried out. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Plugin(#[from] RegistryError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// The plugins of an endpoint do not go together.
    #[error("endpoint `{endpoint}`: {problem}")]
    Chain { endpoint: String, problem: String },
    #[error("{0:#}")]
    Endpoint(anyhow::Error),
}

/// What a config reload did.
pub struct Outcome {
    /// Keys that only a restart applies; if there are any, nothing was applied.
    pub restart_needed: Vec<String>,
    /// The endpoints now served.
    pub endpoints: Vec<String>,
}
