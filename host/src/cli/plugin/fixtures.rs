//! Fixtures in files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::plugin::Fixture;

/// Where a plugin's fixtures are, relative to the working directory.
pub(super) fn folder(plugin: &str) -> PathBuf {
    Path::new("fixtures").join(plugin)
}

/// Reads these files; those of the plugin's folder, by name, when none are given.
pub(super) fn read(plugin: &str, files: &[PathBuf]) -> Result<Vec<(String, Fixture)>> {
    let found = match files {
        [] => in_folder(&folder(plugin))?,
        files => files.to_vec(),
    };
    found
        .iter()
        .map(|file| Ok((shown(file), one(file)?)))
        .collect()
}

/// Reads one file.
pub(super) fn one(file: &Path) -> Result<Fixture> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("can't read {}", file.display()))?;
    Fixture::read(&text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder).into_iter().flatten();
    let files = files.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!(
            "there are no fixtures in {}/; write one, such as {{\"hook\": \"prepare\", \
             \"message\": {{}}, \"expect\": \"unchanged\"}} in a .json file, or name files",
            folder.display()
        );
    }
    Ok(files)
}

fn shown(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
