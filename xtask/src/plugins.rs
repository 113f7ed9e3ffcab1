//! `cargo xtask plugins`: the sample plugins, built into plugins/NAME.wasm.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{process, wasm, workspace};

/// Where the files come from.
pub enum Built {
    FromSource,
    /// From tests/released/, and why: the target can't be installed here.
    Released(String),
}

pub fn run() -> Result<()> {
    build().map(drop)
}

pub fn build() -> Result<Built> {
    let folder = folder();
    if let Err(missing) = wasm::ensure(wasm::COMPONENT) {
        let why = format!("{missing:#}");
        use_released(&folder, &why)?;
        return Ok(Built::Released(why));
    }
    build_components()?;
    for name in names()? {
        let file = format!("{name}.wasm");
        wasm::place(&artefacts().join(&file), &folder.join(&file))?;
        eprintln!("plugins/{file}");
    }
    Ok(Built::FromSource)
}

/// Builds the components and leaves them where cargo puts them.
fn build_components() -> Result<()> {
    let build = format!("build --release --target {}", wasm::COMPONENT);
    process::run(&mut process::cargo_guests(&build, "plugins"))
}

/// Where cargo puts components.
pub fn artefacts() -> PathBuf {
    workspace::guests_target()
        .join(wasm::COMPONENT)
        .join("release")
}

/// The sample plugins: each has a folder of its own.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in wasm::entries(&folder())? {
        if let Some(name) = entry.file_name()
            && entry.join("Cargo.toml").is_file()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn folder() -> PathBuf {
    workspace::root().join("plugins")
}

fn use_released(folder: &Path, why: &str) -> Result<()> {
    eprintln!(
        "\n\
         ************************************************************************\n\
         {why}.\n\
         The released builds in tests/released/ are used instead: what you change\n\
         in plugins/ has NO effect until `rustup target add {target}` works.\n\
         ************************************************************************\n",
        target = wasm::COMPONENT,
    );
    for release in wasm::files(&workspace::root().join("tests/released"))? {
        // NAME-VERSION.wasm; the latest version comes last.
        let stem = release.file_stem().unwrap_or_default().to_string_lossy();
        let (name, version) = stem
            .rsplit_once('-')
            .with_context(|| format!("{} has no version in its name", release.display()))?;
        wasm::place(&release, &folder.join(format!("{name}.wasm")))?;
        eprintln!("plugins/{name}.wasm, released as {version}");
    }
    Ok(())
}
