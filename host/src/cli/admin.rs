//! `hookcast admin`: the admin API from the command line.

mod client;
mod recordings;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::{fail, print_line, url};
use crate::config::is_plugin_name;
use client::{Client, Failure};

/// Ask and steer a running server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The server's admin listener
    #[arg(long, global = true, default_value = "http://127.0.0.1:8081")]
    url: String,
    /// Its bearer token; the server prints it at start unless it is configured
    #[arg(
        long,
        global = true,
        env = "HOOKCAST_ADMIN_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
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
    let answer = Client::new(&args.url, args.token).and_then(|client| ask(&client, &args.command));
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
        Command::Put { name, file } => client.put(&format!("/api/plugins/{name}"), &read(file)?),
        Command::Reload { name: Some(name) } => client.post(&format!("/api/plugins/{name}/reload")),
        Command::Reload { name: None } => client.post("/api/reload"),
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

fn plugin_name(text: &str) -> Result<String, &'static str> {
    if is_plugin_name(text) {
        return Ok(text.to_owned());
    }
    Err(
        "a plugin's name has small letters, digits and dashes; it is the file's name without its ending",
    )
}
