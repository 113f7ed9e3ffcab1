//! `cargo xtask bench`: release builds, measured (bench/README.md).

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::plugins::Built;
use crate::{guests, javascript, plugins, process, python, workspace};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// `hooks` or `reload` with their options, or measures and options of `hookcast-bench run`;
    /// `--help` lists them. With `--debug` debug builds run: to try the tool, as the figures
    /// mean nothing
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// What is measured, as a command of `hookcast-bench`.
#[derive(Debug, PartialEq, Eq)]
enum Subject {
    Hooks,
    Reload,
    /// The measures of a running server.
    Run,
}

pub fn run(args: &Args) -> Result<()> {
    let (subject, mut arguments) = split(&args.arguments);
    let debug = arguments.contains(&"--debug");
    arguments.retain(|argument| *argument != "--debug");
    let help = arguments.contains(&"--help") || arguments.contains(&"-h");
    let files = if help { Vec::new() } else { files(&subject)? };
    // After the JavaScript runtime: the bench has the host in it. And both together: a build
    // of one alone would compile what they share a second time.
    let (profile, build) = match debug {
        true => ("debug", "build -p hookcast -p hookcast-bench"),
        false => ("release", "build --release -p hookcast -p hookcast-bench"),
    };
    process::run(&mut process::cargo(build))?;
    let mut bench = Command::new(workspace::target().join(profile).join("hookcast-bench"));
    bench.current_dir(workspace::root()).arg(subject.command());
    if !help {
        bench.args(files);
        if subject != Subject::Hooks {
            bench.arg("--hookcast").arg(workspace::hookcast(profile));
        }
    }
    process::run(bench.args(arguments))
}

impl Subject {
    fn command(&self) -> &'static str {
        match self {
            Self::Hooks => "hooks",
            Self::Reload => "reload",
            Self::Run => "run",
        }
    }
}

/// What is measured, and the options for it.
fn split(arguments: &[String]) -> (Subject, Vec<&str>) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.split_first() {
        Some((&"hooks", rest)) => (Subject::Hooks, rest.to_vec()),
        Some((&"reload", rest)) => (Subject::Reload, rest.to_vec()),
        _ => (Subject::Run, arguments),
    }
}

/// Builds what the plugins are made of, and names their files as options.
fn files(subject: &Subject) -> Result<Vec<OsString>> {
    if let Built::Released(why) = plugins::build()? {
        bail!("the plugin that is measured must be built: {why}");
    }
    javascript::ensure();
    let sample = |path: &str| workspace::root().join("plugins").join(path);
    let options: Vec<(&str, PathBuf)> = match subject {
        Subject::Hooks => vec![
            ("--plugin", sample("bench.wasm")),
            ("--javascript", sample("javascript/bench.js")),
            ("--python", python::build_bench_or_say()?),
        ],
        Subject::Reload => {
            guests::build()?;
            vec![
                ("--chat", sample("chat.wasm")),
                ("--one", guests::folder().join("versioned_a.wasm")),
                ("--other", guests::folder().join("versioned_b.wasm")),
            ]
        }
        Subject::Run => {
            guests::build()?;
            vec![
                ("--plugin", sample("bench.wasm")),
                ("--misbehave", guests::folder().join("misbehave.wasm")),
            ]
        }
    };
    let both = |(option, file): (&str, PathBuf)| [option.into(), file.into_os_string()];
    Ok(options.into_iter().flat_map(both).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_is_measured() {
        let split_of = |line: &str| {
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let (subject, rest) = split(&words);
            (subject, rest.join(" "))
        };
        let options = |subject, rest: &str| (subject, rest.to_owned());
        assert_eq!(
            split_of("hooks --batches 101"),
            options(Subject::Hooks, "--batches 101")
        );
        assert_eq!(split_of("reload"), options(Subject::Reload, ""));
        assert_eq!(
            split_of("hook-times cpu"),
            options(Subject::Run, "hook-times cpu")
        );
        assert_eq!(split_of(""), options(Subject::Run, ""));
    }
}
