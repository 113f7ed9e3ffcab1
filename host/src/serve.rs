//! Starting the server with a checked config.

use crate::config::Config;

/// Serves until the process is told to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    anyhow::bail!(
        "{} is fine, but the server is not part of this build",
        config.file().display()
    )
}
