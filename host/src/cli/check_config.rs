//! `hookcast check-config`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DEFAULT_CONFIG, EXIT_USAGE, load_config, print_line};
use crate::auth::Sources;
use crate::config::{Config, Durability, EndpointConfig};

/// Check a config file without starting a server
///
/// Prints what it configures, or every error with its line and remedy and exits with 2.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The config file
    #[arg(value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match load_config(&args.config) {
        Ok(config) => {
            // A server would not start without them.
            if let Err(error) = Sources::read(&config) {
                eprintln!("{error:#}");
                return ExitCode::from(EXIT_USAGE);
            }
            // A server logs them.
            for warning in config.warnings() {
                eprintln!("warning: {warning}");
            }
            print_line(summary(&config));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// What the config sets up, in a few lines.
fn summary(config: &Config) -> String {
    let mut lines = vec![
        format!("{} is fine", config.file().display()),
        format!("  clients   {}", config.server.listen),
        format!("  admin     {}", config.admin.listen),
        format!("  storage   {}", config.storage.url),
        format!("  plugins   {}", config.plugins.dir.display()),
    ];
    for (name, storage) in &config.storages {
        lines.push(format!("  storage   {name}: {}", storage.url));
    }
    for (name, endpoint) in &config.endpoints {
        lines.push(format!("  endpoint  {name}: {}", describe(endpoint)));
    }
    lines.join("\n")
}

fn describe(endpoint: &EndpointConfig) -> String {
    let mut parts = vec![endpoint.path.clone()];
    if let Some(table) = &endpoint.table {
        parts.push(format!(
            "table {} ({} columns)",
            table.name,
            table.columns.len()
        ));
    }
    parts.push(match endpoint.durability {
        Durability::Full => "synced to disk".to_owned(),
        Durability::Process => "survives a crash of the server".to_owned(),
        Durability::Ephemeral => "in memory only".to_owned(),
    });
    if !endpoint.plugins.is_empty() {
        parts.push(format!("plugins {}", endpoint.plugins.join(", ")));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_is_set_up() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("hookcast.toml");
        let text = "[endpoints.chat]\npath = '/chat'\ncolumns.body = 'TEXT'\n\
                    [endpoints.cursors]\npath = '/cursors/{room}'\ndurability = 'ephemeral'\n";
        std::fs::write(&file, text).expect("a written file");
        let config = Config::load(&file).expect("a config");
        let summary = summary(&config);
        let expected = "  endpoint  chat: /chat, table chat (4 columns), synced to disk\n  \
                        endpoint  cursors: /cursors/{room}, in memory only";
        assert!(summary.ends_with(expected), "{summary}");
    }
}
