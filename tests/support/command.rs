//! The command line, run in a folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a command and returns what it printed.
pub fn hookcast(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}{complaint}");
    said
}

/// All that a command says which fails.
pub fn complaint(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{words:?} worked: {said}");
    said + &String::from_utf8_lossy(&output.stderr)
}

fn run(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hookcast"))
        .args(words)
        .env("CARGO_TARGET_DIR", build_folder())
        .current_dir(folder)
        .output()
        .expect("the command runs")
}

/// Where this test has cargo build plugins. To cargo all new plugins of one name are one
/// package, wherever they are: tests that build them at the same time need folders of their
/// own. These stay for the next run.
pub fn build_folder() -> PathBuf {
    let test = std::thread::current();
    let test = test.name().unwrap_or("test").replace("::", "-");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(test)
}
