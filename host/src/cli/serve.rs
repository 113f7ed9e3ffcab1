//! `hookcast serve`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{DEFAULT_CONFIG, fail, load_config, runtime};

/// Start the server
///
/// Relative paths in the config are relative to the current directory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The config file
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let prepared = load_config(&args.config).and_then(|config| Ok((config, runtime()?)));
    match prepared {
        Err(code) => code,
        Ok((config, runtime)) => match runtime.block_on(crate::serve::run(config)) {
            Ok(()) => ExitCode::SUCCESS,
            // With its causes: "can't open the database: permission denied".
            Err(error) => fail(format_args!("{error:#}")),
        },
    }
}
