//! `hookcast plugin watch`: from a saved file to a live plugin, again and again.

mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::build::build;
use super::logs;
use super::project::{Project, Source};
use crate::cli::admin::exchange;
use crate::cli::client::{Client, Server};
use crate::cli::{DEFAULT_CONFIG, plugin_name, print_line};
use source::Changes;

/// Time until the log of a plugin is asked for again that the server does not know yet, or
/// of a server that is away.
const PATIENCE: Duration = Duration::from_millis(500);

/// Build, upload and follow a plugin; again whenever its source changes
///
/// A plugin that does not build or load is reported, and what served before serves on.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_parser = plugin_name)]
    name: String,
    /// The server's config file, for `plugins.dir`
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let project = Project::of(&args.config)?;
    let client = args.server.client().map_err(|error| anyhow!("{error}"))?;
    let client = Arc::new(client);
    let source = project.source(&args.name)?;
    // Before the first build: what is saved meanwhile is built afterwards.
    let changes = Changes::of(&source)?;
    let (follower, name) = (Arc::clone(&client), args.name.clone());
    std::thread::spawn(move || follow(&follower, &name));
    let mut live = None;
    let mut began = Instant::now();
    loop {
        match deploy(&project, &client, &args.name, &mut live) {
            Ok(true) => {
                let millis = began.elapsed().as_millis();
                print_line(format_args!(
                    "live after {millis} ms; watching {}",
                    shown(&source)
                ));
            }
            Ok(false) => {}
            Err(error) => eprintln!("{error:#}\nwatching {}", shown(&source)),
        }
        began = changes.wait()?;
    }
}

/// Builds and uploads; false when that has changed nothing. `live` is what was uploaded last.
fn deploy(
    project: &Project,
    client: &Client,
    name: &str,
    live: &mut Option<Vec<u8>>,
) -> Result<bool> {
    let file = build(project, name)?;
    let bytes = std::fs::read(&file)?;
    // The server writes uploads into the folder that is watched here.
    if live.as_ref() == Some(&bytes) {
        return Ok(false);
    }
    let path = format!("/api/plugins/{name}");
    let report = client
        .put(&path, &bytes)
        .map_err(|error| anyhow!("{error}"))?;
    print_line(exchange(&report));
    *live = Some(bytes);
    Ok(true)
}

/// Prints what the plugin says from now on, for as long as this program runs.
fn follow(client: &Client, name: &str) {
    let mut last = None;
    loop {
        let read = match last {
            None => logs::newest(client, name),
            Some(last) => logs::print_after(client, name, last, logs::WAIT),
        };
        match read {
            Ok(number) => last = Some(number),
            Err(_) => {
                // A server that starts anew counts its lines anew. One that was never
                // there has said nothing that could be missed.
                last = last.map(|_| 0);
                std::thread::sleep(PATIENCE);
            }
        }
    }
}

fn shown(source: &Source) -> std::path::Display<'_> {
    let (Source::Script(path) | Source::Rust(path) | Source::Python(path)) = source;
    Path::display(path)
}
