//! `hookcast import`: a config out of what a team has.

mod address;
mod alert;
mod auth;
mod cel;
mod columns;
mod endpoint;
mod gramex;
mod hooks;
mod javascript;
mod mail;
mod notes;
mod python;
mod report;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{EXIT_USAGE, fail, print_line};
use gramex::Imported;

/// Make a config of a gramex.yaml
///
/// Reads the entries of MessageHandler. The config goes to standard output or a file; what
/// needs a plugin, what has no equivalent and what is to be checked goes to standard error,
/// each with its line, with sketches of hooks in JavaScript.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The YAML file
    #[arg(value_name = "GRAMEX.YAML")]
    file: PathBuf,
    /// Write the config to this file, which must not be there yet
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let text = match std::fs::read_to_string(&args.file) {
        Ok(text) => text,
        Err(error) => return fail(format_args!("can't read {}: {error}", args.file.display())),
    };
    let from = args.file.file_name().unwrap_or_default().to_string_lossy();
    let imported = match yaml::parse(&text) {
        Ok(root) => Imported::read(&root),
        Err(problem) => {
            eprintln!("hookcast: {}: {problem}", args.file.display());
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if imported.endpoints.is_empty() {
        eprintln!(
            "hookcast: {} has no entry with `handler: MessageHandler` under `url`",
            args.file.display()
        );
        return ExitCode::from(EXIT_USAGE);
    }
    let config = report::config(&imported, &from);
    match &args.output {
        None => print_line(config.trim_end()),
        Some(output) => {
            if let Err(error) = write_new(output, &config) {
                return fail(format_args!("can't write {}: {error}", output.display()));
            }
        }
    }
    eprint!("{}", report::report(&imported, &from));
    ExitCode::SUCCESS
}

/// Writes a file that must not be there: nobody's config is overwritten.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}
