//! `hookcast plugin logs`: what a plugin of a running server says.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::cli::client::{Client, Server};
use crate::cli::{plugin_name, print_line};

/// Seconds that one request waits for a line.
const WAIT: u64 = 30;

/// Print the last lines that a plugin logged, and what the server says about its failures
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_parser = plugin_name)]
    name: String,
    /// Go on with what it says from now on
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let client = args
        .server
        .client()
        .map_err(|failure| anyhow!("{failure}"))?;
    let last = print_after(&client, &args.name, 0, 0)?;
    if args.follow {
        follow(&client, &args.name, last)?;
    }
    Ok(())
}

/// Prints what comes, until the server is gone.
pub(super) fn follow(client: &Client, name: &str, mut last: u64) -> Result<()> {
    loop {
        last = print_after(client, name, last, WAIT)?;
    }
}

/// Prints the lines after a number; the newest one's number.
pub(super) fn print_after(client: &Client, name: &str, after: u64, wait: u64) -> Result<u64> {
    let path = format!("/api/plugins/{name}/logs?after={after}&wait={wait}");
    let answer = client.get(&path).map_err(|failure| anyhow!("{failure}"))?;
    let lines = answer["lines"].as_array().map_or(&[][..], Vec::as_slice);
    for line in lines {
        print_line(shown(line));
    }
    let newest = lines.last().and_then(|line| line["number"].as_u64());
    Ok(newest.unwrap_or(after))
}

/// `12:30:05.250 warn  #3 chat: words`
fn shown(line: &Value) -> String {
    let micros = line["time"].as_i64().unwrap_or_default();
    let time = OffsetDateTime::UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs());
    let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let context = match text("context") {
        "" => String::new(),
        context => format!(" {context}"),
    };
    format!(
        "{} {:<5} #{}{context}: {}",
        time.format(&format).unwrap_or_default(),
        text("level"),
        line["generation"],
        text("message"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_has_time_level_generation_and_context() {
        let line = json!({"number": 1, "time": 45_005_250_000_i64, "level": "warn",
                          "generation": 3, "context": "chat", "message": "words"});
        assert_eq!(shown(&line), "12:30:05.250 warn  #3 chat: words");
        let line =
            json!({"time": 0, "level": "info", "generation": 1, "context": "", "message": "x"});
        assert_eq!(shown(&line), "00:00:00.000 info  #1: x");
    }
}
