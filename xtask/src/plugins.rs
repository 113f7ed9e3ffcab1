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
    let mut releases = wasm::files(&workspace::root().join("tests/released"))?
        .into_iter()
        .map(|file| Ok((name_and_version(&file)?, file)))
        .collect::<Result<Vec<_>>>()?;
    releases.sort_by_key(|((_, version), _)| order(version));
    // A later version replaces an earlier one.
    for ((name, version), file) in releases {
        wasm::place(&file, &folder.join(format!("{name}.wasm")))?;
        eprintln!("plugins/{name}.wasm, released as {version}");
    }
    Ok(())
}

fn name_and_version(release: &Path) -> Result<(String, String)> {
    let stem = release.file_stem().unwrap_or_default().to_string_lossy();
    let (name, version) = stem
        .rsplit_once('-')
        .with_context(|| format!("{} has no version in its name", release.display()))?;
    Ok((name.to_owned(), version.to_owned()))
}

/// Numbers compare as numbers: 0.10.0 comes after 0.9.0.
fn order(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_in_order_of_their_numbers() {
        assert!(order("0.9.0") < order("0.10.0"));
        let parts = name_and_version(Path::new("tests/released/my-chat-0.10.0.wasm")).unwrap();
        assert_eq!(parts, ("my-chat".to_owned(), "0.10.0".to_owned()));
    }
}
