//! `cargo xtask browser`: the page in a real browser (tests/browser/README.md).

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::summary::Summary;
use crate::{guests, process, workspace};

const NAME: &str = "tests in a browser";
/// As tests/browser/page.test.js looks for it.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub fn run() -> ExitCode {
    let mut summary = Summary::default();
    if crate::test::build_guests(&mut summary) {
        test(&mut summary);
    }
    summary.finish()
}

/// Runs the tests, or notes what is missing for them; guests are built already.
pub fn test(summary: &mut Summary) {
    let next = guests::folder().join("chat-next.wasm");
    match missing(&next) {
        Some(what) => summary.skip(NAME, &what),
        None => {
            summary.run(NAME, || run_tests(&next));
        }
    }
}

fn missing(next: &Path) -> Option<String> {
    let program = ["node", "npm"]
        .into_iter()
        .find(|name| process::find(name).is_none());
    if let Some(program) = program {
        return Some(format!("needs `{program}`: install Node.js 20 or later"));
    }
    if chromium().is_none() {
        return Some("needs Chromium: install it, or set CHROMIUM to its path".to_owned());
    }
    if !next.is_file() {
        return Some("needs a second build of the chat plugin (`cargo xtask guests`)".to_owned());
    }
    None
}

fn run_tests(next: &Path) -> Result<()> {
    process::run(&mut process::cargo(workspace::BUILD_HOOKCAST))?;
    process::install_npm(&folder())?;
    let mut tests = npm();
    tests
        .arg("test")
        .env("HOOKCAST_BIN", workspace::hookcast("debug"))
        .env("HOOKCAST_PLUGINS", guests::folder())
        .env("HOOKCAST_CHAT_NEXT", next)
        .env("CHROMIUM", chromium().unwrap_or_default());
    process::run(&mut tests)
}

fn npm() -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder());
    npm
}

fn chromium() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    named.or_else(|| CHROMIUM.into_iter().find_map(process::find))
}

fn folder() -> PathBuf {
    workspace::root().join("tests/browser")
}
