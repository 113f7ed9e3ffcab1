//! What a machine may lack: said aloud here, an error in CI.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// True if `missing` is none. Otherwise the test is to return at once: it counts as
/// skipped here, and fails where `CI` is set.
pub fn or_skip(test: &str, missing: Option<String>) -> bool {
    let Some(missing) = missing else { return true };
    let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!ci, "`{test}` can't run: {missing}");
    eprintln!("SKIPPED `{test}`: {missing}");
    note(test, &missing);
    false
}

/// cargo shows nothing of tests that pass: `cargo xtask test` reads this file instead.
fn note(test: &str, missing: &str) {
    let Some(file) = std::env::var_os("HOOKCAST_SKIPPED") else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(file);
    let noted = file.and_then(|mut file| writeln!(file, "{test}: {missing}"));
    noted.expect("the list of skipped tests");
}

/// What building a plugin in Rust needs: the compiler's target.
pub fn wasm_target() -> Option<String> {
    let mut command = Command::new("rustc");
    let has = command
        .args(["--print", "target-libdir", "--target", "wasm32-wasip2"])
        .output();
    let has =
        has.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    (!has).then(|| "`rustup target add wasm32-wasip2`".to_owned())
}

/// That a program can be started.
pub fn program(test: &str, program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    let started = command
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = started.is_ok_and(|status| status.success());
    or_skip(
        test,
        (!works).then(|| format!("`{program}` is missing; install it")),
    )
}
