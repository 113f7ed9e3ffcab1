//! `hookcast plugin replay`: a recorded call once more.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::fixtures;
use super::local::{Local, Which};
use crate::cli::client::Server;
use crate::cli::{print_line, url};
use crate::plugin::{Fixture, Generation, Ran, Wanted, run as run_fixture};

/// Run a failed call of the running server again, in this process
///
/// With the clock, the random numbers and the answers of the server that it had then.
/// Builds the plugin first if it has a source.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// The id that the server's log gives, or a fixture's file
    #[arg(value_name = "ID|FIXTURE")]
    call: String,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let local = Local::of(&args.which)?;
    let fixture = match Path::new(&args.call) {
        file if file.is_file() => fixtures::one(file)?,
        _ => from_server(&args.server, &local.name, &args.call)?,
    };
    let engine = local.engine(false)?;
    let generation = local
        .load(&engine)
        .await
        .map_err(|error| anyhow!("{error}"))?;
    let ran = run_fixture(&generation, &fixture).await;
    for line in told(&generation, &fixture, &ran) {
        print_line(line);
    }
    Ok(())
}

fn from_server(server: &Server, name: &str, id: &str) -> Result<Fixture> {
    let client = server.client().map_err(|error| anyhow!("{error}"))?;
    let get = |kept: &str| client.get(&format!("/api/plugins/{name}/{kept}/{}", url::encode(id)));
    let found = get("failures").or_else(|error| get("recordings").map_err(|_| error));
    let found = found.map_err(|error| anyhow!("{id} is no file, and {error}"))?;
    Ok(Fixture::from_value(found)?)
}

fn told(generation: &Generation, fixture: &Fixture, ran: &Ran) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(recorded) = &fixture.recorded {
        let file = match recorded.digest == *generation.digest() {
            true => "this very file",
            false => "another file than this one",
        };
        lines.push(format!(
            "recorded  {} {}, generation {}: {file}",
            recorded.plugin.escape_debug(),
            recorded.version.escape_debug(),
            recorded.generation
        ));
    }
    lines.push(format!("hook      {}", fixture.input.hook()));
    lines.extend(ran.logs.iter().map(|line| format!("log       {line}")));
    lines.push(match (&ran.outcome, Wanted::of(&ran.outcome)) {
        (Err(error), Some(Wanted::Fails(_)) | None) => format!("failed    {error}"),
        (_, Some(wanted)) => match wanted.shown() {
            (key, value) if value == true => format!("outcome   {key}"),
            (key, value) => format!("outcome   {key} {value}"),
        },
        (Ok(_), None) => "outcome   ok".to_owned(),
    });
    lines.extend(
        ran.effects
            .iter()
            .map(|effect| format!("effect    {effect}")),
    );
    if let Some(expect) = &fixture.expect {
        let differences = ran.differences(expect);
        lines.push(match (differences.is_empty(), &fixture.recorded) {
            (true, Some(_)) => "the same as recorded".to_owned(),
            (true, None) => "as the fixture expects".to_owned(),
            (false, Some(_)) => format!("not as recorded: {}", differences.join("\n  ")),
            (false, None) => format!("not as expected: {}", differences.join("\n  ")),
        });
    }
    lines
}
