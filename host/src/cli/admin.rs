//! `hookcast admin`: the admin API from the command line.

mod recordings;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::client::{Client, Failure, Server};
use super::{fail, plugin_name, print_line, url};

/// Ask and steer a running server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the plugins
    Plugins,
    /// Show one plugin
    Plugin {
        #[arg(value_parser = plugin_name)]
        name: String,
    },
    /// Upload a plugin and swap it in
    Put {
        #[arg(value_parser = plugin_name)]
        name: String,
        /// The .wasm file, or the script in JavaScript
        file: PathBuf,
        /// Do all but the swap, and report the same
        #[arg(long)]
        dry_run: bool,
    },
    /// Load a plugin's file anew; without a name, apply the changed config
    Reload {
        #[arg(value_parser = plugin_name)]
        name: Option<String>,
    },
    /// Compare a plugin with the one that serves, without swapping it in
    Try {
        #[arg(value_parser = plugin_name)]
        name: String,
        /// The .wasm file or the script; without it, the file in the plugins folder
        file: Option<PathBuf>,
        /// Over this many of an endpoint's newest messages
        #[arg(long, default_value_t = 100, conflicts_with = "live")]
        last: u64,
        /// Beside this many calls of live traffic
        #[arg(long)]
        live: Option<u64>,
        /// Seconds after which to stop
        #[arg(long, default_value_t = 60)]
        wait: u64,
        /// Whose messages; needed when several endpoints use the plugin
        #[arg(long, conflicts_with = "live")]
        endpoint: Option<String>,
    },
    /// List a plugin's failed calls, or show one as a fixture
    Failures {
        #[arg(value_parser = plugin_name)]
        name: String,
        id: Option<String>,
    },
    /// Write the next calls of a plugin as fixtures into a folder
    Record {
        #[arg(value_parser = plugin_name)]
        name: String,
        calls: usize,
        folder: PathBuf,
        /// Those of one endpoint only
        #[arg(long)]
        endpoint: Option<String>,
        /// Seconds after which to stop
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
    /// Put an earlier generation of a plugin in force again
    Rollback {
        #[arg(value_parser = plugin_name)]
        name: String,
        /// Its number, or the beginning of its digest; by default the one before the current
        #[arg(long)]
        to: Option<String>,
    },
    /// Call a plugin no more; its endpoints take no messages until `resume`
    Quarantine {
        #[arg(value_parser = plugin_name)]
        name: String,
        /// What others are told who ask why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Call a plugin again
    Resume {
        #[arg(value_parser = plugin_name)]
        name: String,
    },
    /// Remove a plugin that no endpoint uses
    Delete {
        #[arg(value_parser = plugin_name)]
        name: String,
    },
    /// List the endpoints
    Endpoints,
    /// List the open connections
    Connections,
    /// Close a connection
    Disconnect { id: String },
    /// Say whether the server runs and takes connections; needs no token
    Health,
}

pub(super) fn run(args: Args) -> ExitCode {
    let answer = args
        .server
        .client()
        .and_then(|client| ask(&client, &args.command));
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return fail(failure),
    };
    if args.json {
        print_line(&answer);
    } else {
        print_line(show::answer(&args.command, &answer));
    }
    match succeeded(&args.command, &answer) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Makes the command's request.
fn ask(client: &Client, command: &Command) -> Result<Value, Failure> {
    match command {
        Command::Plugins => client.get("/api/plugins"),
        Command::Plugin { name } => client.get(&format!("/api/plugins/{name}")),
        Command::Put {
            name,
            file,
            dry_run,
        } => {
            let query = if *dry_run { "?dry_run=true" } else { "" };
            client.put(&format!("/api/plugins/{name}{query}"), &read(file)?)
        }
        Command::Try {
            name,
            file,
            last,
            live,
            wait,
            endpoint,
        } => {
            let over = match live {
                Some(calls) => format!("live={calls}"),
                None => format!("last={last}"),
            };
            let endpoint = endpoint.as_deref().map(url::encode);
            let endpoint = endpoint.map(|name| format!("&endpoint={name}"));
            let endpoint = endpoint.unwrap_or_default();
            let path = format!("/api/plugins/{name}/try?{over}&wait={wait}{endpoint}");
            let candidate = file.as_deref().map_or_else(|| Ok(Vec::new()), read)?;
            client.post_within(&path, &candidate, Duration::from_secs(*wait))
        }
        Command::Failures { name, id: None } => {
            client.get(&format!("/api/plugins/{name}/failures"))
        }
        Command::Failures { name, id: Some(id) } => {
            let id = url::encode(id);
            client.get(&format!("/api/plugins/{name}/failures/{id}"))
        }
        Command::Record {
            name,
            calls,
            folder,
            endpoint,
            wait,
        } => {
            let wait = Duration::from_secs(*wait);
            recordings::record(client, name, *calls, endpoint.as_deref(), folder, wait)
        }
        Command::Reload { name: Some(name) } => client.post(&format!("/api/plugins/{name}/reload")),
        Command::Reload { name: None } => client.post("/api/reload"),
        Command::Rollback { name, to } => {
            let query = query("to", to.as_deref());
            client.post(&format!("/api/plugins/{name}/rollback{query}"))
        }
        Command::Quarantine { name, reason } => {
            let query = query("reason", reason.as_deref());
            client.post(&format!("/api/plugins/{name}/quarantine{query}"))
        }
        Command::Resume { name } => client.post(&format!("/api/plugins/{name}/resume")),
        Command::Delete { name } => client.delete(&format!("/api/plugins/{name}")),
        Command::Endpoints => client.get("/api/endpoints"),
        Command::Connections => client.get("/api/connections"),
        Command::Disconnect { id } => {
            client.delete(&format!("/api/connections/{}", url::encode(id)))
        }
        Command::Health => client.health(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::new(format!("{} can't be read: {error}", file.display())))
}

/// `?key=value`, or nothing.
fn query(key: &str, value: Option<&str>) -> String {
    value.map_or(String::new(), |value| {
        format!("?{key}={}", url::encode(value))
    })
}

/// Whether the answer, well received, says that what was asked for is so.
fn succeeded(command: &Command, answer: &Value) -> bool {
    match command {
        Command::Reload { name: None } => answer["applied"] != false,
        Command::Health => answer["ready"] == true,
        Command::Record { calls, .. } => {
            let recorded = answer["recorded"].as_array();
            recorded.is_some_and(|recorded| recorded.len() >= *calls)
        }
        _ => true,
    }
}
