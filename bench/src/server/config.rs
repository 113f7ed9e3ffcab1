//! The configuration of a server under test; all that it writes stays in its own directory.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::ADMIN_TOKEN;

/// Copies the plugins and writes the configuration; `rest` is what differs from measure to measure.
pub fn write(
    dir: &Path,
    address: SocketAddr,
    admin: SocketAddr,
    plugins: &[(&str, &Path)],
    rest: &str,
) -> Result<PathBuf> {
    let dir = dir.canonicalize()?;
    let folder = dir.join("plugins");
    fs::create_dir(&folder)?;
    for (name, file) in plugins {
        fs::copy(file, folder.join(name).with_extension("wasm"))
            .with_context(|| format!("copy {}", file.display()))?;
    }
    let text = format!(
        r#"[server]
listen = "{address}"
[admin]
listen = "{admin}"
token = "{ADMIN_TOKEN}"
[storage]
url = "sqlite://{dir}/bench.db"
[plugins]
dir = "{dir}/plugins"
archive = "{dir}/archive"
[engine]
cache = "{dir}/cache"
{rest}"#,
        dir = dir.display()
    );
    let config = dir.join("hookcast.toml");
    fs::write(&config, text)?;
    Ok(config)
}

/// An endpoint with one plugin; its name is its path's, and so is its table's as far as it can be.
pub fn endpoint(path: &str, plugin: &str) -> String {
    let name = path.trim_start_matches('/');
    let table = name.replace('-', "_");
    format!(
        r#"[endpoints.{name}]
path = "{path}"
dialect = "gramex"
table = "{table}"
columns.body = "TEXT"
columns.topic = "TEXT"
plugins = ["{plugin}"]
"#
    )
}
