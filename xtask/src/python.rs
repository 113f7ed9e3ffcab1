//! Plugins in Python: a virtual environment in the target folder, and what is built and
//! tested with it (guest-sdk/python/README.md).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::summary::Summary;
use crate::{guests, process, wasm, workspace};

/// Plugins that tests load: the module, and the component made of it.
const GUESTS: [(&str, &str); 2] = [
    ("plugins/python/chat.py", "chat_py.wasm"),
    ("tests/components/python/trouble.py", "trouble_py.wasm"),
];

/// The plugin that is measured, and not tested.
const BENCH: [(&str, &str); 1] = [("plugins/python/bench.py", "bench_py.wasm")];

/// Builds the plugins and tests their build, or notes what is missing for that.
pub fn test(summary: &mut Summary) {
    match missing() {
        Some(what) => summary.skip("plugins in Python", &what),
        None => {
            if summary.run("plugins in Python", || build(&GUESTS)) {
                summary.run("tests of the Python SDK", test_sdk);
            }
        }
    }
}

/// Builds the plugins, or says why it does not: they are for tests only.
pub fn build_or_say() -> Result<()> {
    build_these_or_say(&GUESTS)
}

/// The same for the plugin that is measured. Where it will be.
pub fn build_bench_or_say() -> Result<PathBuf> {
    build_these_or_say(&BENCH)?;
    let [(_, component)] = BENCH;
    Ok(guests::folder().join(component))
}

fn build_these_or_say(plugins: &[(&str, &str)]) -> Result<()> {
    match missing() {
        None => build(plugins),
        Some(what) => {
            eprintln!("SKIPPED plugins in Python: {what}");
            Ok(())
        }
    }
}

/// What this machine lacks; also where its package index can't be reached.
fn missing() -> Option<String> {
    let lacks = "install Python 3.10 or later with `venv` and `pip` (Debian: python3-venv)";
    if process::find("python3").is_none() {
        return Some(format!("needs `python3`: {lacks}"));
    }
    let works = [
        "-c",
        "import ensurepip, sys; assert sys.version_info >= (3, 10)",
    ];
    if process::read(Command::new("python3").args(works)).is_err() {
        return Some(format!(
            "`python3` is too old or has no `ensurepip`: {lacks}"
        ));
    }
    let error = install().err()?;
    Some(format!("its packages can't be installed: {error:#}"))
}

/// Installs the SDK with what it depends on. Its modules are then taken from the sources,
/// so this is done again only when its dependencies may have changed.
fn install() -> Result<()> {
    let project = sdk().join("pyproject.toml");
    let done = environment().join("installed");
    if written(&done).is_some_and(|done| written(&project).is_some_and(|made| made <= done)) {
        return Ok(());
    }
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(environment()),
    )?;
    let quiet = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    process::run(Command::new(python()).args(quiet).arg(sdk()))?;
    fs::write(&done, "").with_context(|| format!("can't write {}", done.display()))
}

fn build(plugins: &[(&str, &str)]) -> Result<()> {
    fs::create_dir_all(guests::folder())?;
    for (module, component) in plugins {
        let module = workspace::root().join(module);
        let component = guests::folder().join(component);
        if is_stale(&component, &module)? {
            let mut build = python_command();
            build.args(["-m", "hookcast.build"]);
            process::run(build.arg(&module).arg("-o").arg(&component))?;
        }
    }
    Ok(())
}

fn test_sdk() -> Result<()> {
    let mut tests = python_command();
    process::run(tests.args(["-m", "unittest", "discover", "-s", "tests"]))
}

/// Each build takes some ten seconds of processor time.
fn is_stale(component: &Path, module: &Path) -> Result<bool> {
    let Some(built) = written(component) else {
        return Ok(true);
    };
    let sources = [
        module.to_owned(),
        sdk().join("pyproject.toml"),
        sdk().join("hookcast"),
        workspace::root().join("wit"),
    ];
    for source in sources {
        if newest(&source)? > built {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When a file, or any source in a folder, was written last.
fn newest(path: &Path) -> Result<SystemTime> {
    if path.is_dir() {
        let mut newest = SystemTime::UNIX_EPOCH;
        for entry in wasm::entries(path)? {
            if !entry.ends_with("__pycache__") {
                newest = newest.max(self::newest(&entry)?);
            }
        }
        return Ok(newest);
    }
    written(path).with_context(|| format!("can't read {}", path.display()))
}

fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|file| file.modified()).ok()
}

fn python_command() -> Command {
    let mut command = Command::new(python());
    command.current_dir(sdk()).env("PYTHONPATH", sdk());
    command
}

fn python() -> OsString {
    environment().join("bin/python").into()
}

fn environment() -> PathBuf {
    workspace::target().join("python")
}

fn sdk() -> PathBuf {
    workspace::root().join("guest-sdk/python")
}
