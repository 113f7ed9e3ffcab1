//! `hookcast plugin build`: from source to `plugins/NAME.wasm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::files::last_change;
use super::project::{Project, Source};
use crate::cli::{DEFAULT_CONFIG, plugin_name, print_line};

/// What the host runs.
const TARGET: &str = "wasm32-wasip2";

/// Build a plugin's source into the plugins folder
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_parser = plugin_name)]
    name: String,
    /// The server's config file, for `plugins.dir`
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let project = Project::of(&args.config)?;
    let built = build(&project, &args.name)?;
    let size = fs::metadata(&built)?.len();
    print_line(format_args!("{}: {size} bytes", built.display()));
    Ok(())
}

/// Builds a plugin; the file that the server loads. A script is that itself.
pub(super) fn build(project: &Project, name: &str) -> Result<PathBuf> {
    let made = match project.source(name)? {
        Source::Script(script) => return Ok(script),
        Source::Rust(folder) => rust(&folder)?,
        Source::Python(module) => python(&module)?,
    };
    let target = project.component(name);
    // By rename: a server that watches the folder never sees half of it.
    let half = target.with_file_name(format!(".{name}.wasm.part"));
    fs::copy(&made, &half)
        .and_then(|_| fs::rename(&half, &target))
        .with_context(|| format!("can't write {}", target.display()))?;
    Ok(target)
}

fn rust(folder: &Path) -> Result<PathBuf> {
    ensure_target()?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", TARGET])
        // cargo says where it puts the component; the rest is for the author.
        .arg("--message-format=json-render-diagnostics")
        .current_dir(folder)
        .stdout(Stdio::piped());
    let output = cargo
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .context("can't run cargo: install Rust, see https://rustup.rs")?;
    if !output.status.success() {
        bail!("{} does not build", folder.display());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let artefacts = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact");
    let mut files = artefacts.filter_map(|artefact| {
        let files = artefact["filenames"].as_array()?.iter();
        let mut files = files.filter_map(|file| file.as_str().map(PathBuf::from));
        files.find(|file| file.extension().is_some_and(|end| end == "wasm"))
    });
    files.next_back().with_context(|| {
        format!(
            "{} made no component: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`",
            folder.display()
        )
    })
}

/// Adds the target unless the compiler has it.
fn ensure_target() -> Result<()> {
    let has = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    if has.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    run_quietly(rustup.args(["target", "add", TARGET]))
        .with_context(|| format!("the compiler lacks the target {TARGET}"))?;
    Ok(())
}

fn python(module: &Path) -> Result<PathBuf> {
    let folder = module.parent().unwrap_or(Path::new("."));
    let sdk = folder.join("sdk");
    let python = environment(folder, &sdk)?;
    let component = folder.join(".venv/component.wasm");
    let made = fs::metadata(&component).and_then(|made| made.modified());
    // As cargo does: what is up to date takes no time.
    if let (Ok(made), Ok(changed)) = (made, last_change(folder))
        && made > changed
    {
        return Ok(component);
    }
    let mut build = Command::new(python);
    build
        .args(["-m", "hookcast.build"])
        .arg(module)
        .arg("-o")
        .arg(&component)
        .env("PYTHONPATH", &sdk);
    run_quietly(&mut build)?;
    Ok(component)
}

/// The plugin's own virtual environment, with the compiler in it.
fn environment(folder: &Path, sdk: &Path) -> Result<PathBuf> {
    let environment = folder.join(".venv");
    let python = environment.join("bin/python");
    let done = environment.join("ready");
    if done.is_file() {
        return Ok(python);
    }
    print_line("installing componentize-py, once");
    let mut make = Command::new("python3");
    run_quietly(make.args(["-m", "venv", "--clear"]).arg(&environment))
        .context("needs Python 3.10 or later with `venv` (Debian: python3-venv)")?;
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(tool(&python, sdk)?);
    run_quietly(&mut install).context("can't install componentize-py")?;
    fs::write(done, "")?;
    Ok(python)
}

/// The version of componentize-py that the SDK was written for.
fn tool(python: &Path, sdk: &Path) -> Result<String> {
    let ask = "from hookcast.build.component import TOOL; print(TOOL)";
    let mut command = Command::new(python);
    let answer = run_quietly(command.args(["-c", ask]).env("PYTHONPATH", sdk))?;
    Ok(answer.trim().to_owned())
}

/// Runs a program and returns what it printed; its errors are for the author.
fn run_quietly(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("can't run {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{program} failed:\n{}", said.trim_end())
}
