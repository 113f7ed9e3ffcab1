//! `hookcast admin`: the admin API from the command line.

mod client;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

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
        Command::Put { name, file } => {
            let bytes = std::fs::read(file).map_err(|error| {
                Failure::new(format!("{} can't be read: {error}", file.display()))
            })?;
            client.put(&format!("/api/plugins/{name}"), &bytes)
        }
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

/// Whether the answer, well received, says that what was asked for is so.
fn succeeded(command: &Command, answer: &Value) -> bool {
    match command {
        Command::Reload { name: None } => answer["applied"] != false,
        Command::Health => answer["ready"] == true,
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
