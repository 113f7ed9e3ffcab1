//! `cargo xtask guests`: every plugin that tests load, in one folder.
//!
//! Tests find the folder by the environment variable `HOOKCAST_GUESTS`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::plugins::Built;
use crate::{javascript, plugins, process, python, raw, wasm, workspace};

/// Guests whose file is not named after the crate, as cargo names it.
const RENAMED: [(&str, &str); 1] = [("chat_next.wasm", "chat-next.wasm")];

pub fn run() -> Result<()> {
    javascript::ensure();
    match plugins::build()? {
        Built::FromSource => build()?,
        Built::Released(_) => collect_released()?,
    }
    python::build_or_say()?;
    println!("{}", folder().display());
    Ok(())
}

/// One flat folder of NAME.wasm.
pub fn folder() -> PathBuf {
    workspace::guests_target().join("wasm")
}

/// Builds tests/components and collects it with the plugins, which are built already.
pub fn build() -> Result<()> {
    wasm::ensure(wasm::CORE)?;
    let components = format!("build --release --target {}", wasm::COMPONENT);
    process::run(&mut process::cargo_guests(&components, "tests/components"))?;
    let module = format!("build --release --target {} -p core-module", wasm::CORE);
    process::run(&mut process::cargo_guests(&module, "tests/components"))?;

    fs::create_dir_all(folder())?;
    collect(&wasm::files(&plugins::artefacts())?)?;
    let modules = workspace::guests_target().join(wasm::CORE).join("release");
    collect(&[modules.join("core_module.wasm")])?;
    raw::build(&folder())
}

/// What there is without the target: the sample plugins.
pub fn collect_released() -> Result<()> {
    fs::create_dir_all(folder())?;
    collect(&wasm::files(&workspace::root().join("plugins"))?)
}

fn collect(files: &[PathBuf]) -> Result<()> {
    for file in files {
        let name = file.file_name().unwrap_or_default();
        let renamed = RENAMED.iter().find(|(from, _)| name == *from);
        let to = renamed.map_or(folder().join(name), |(_, to)| folder().join(to));
        wasm::place(file, &to)?;
    }
    Ok(())
}
