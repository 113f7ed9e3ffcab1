//! Files of the plugins folder. A plugin is `NAME.wasm`; half-written ones have another
//! name and become it by rename.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::file_error;
use crate::plugin::load::{LoadError, Step};
use crate::plugin::whole_file;

/// What a plugin's file ends with.
pub const EXTENSION: &str = "wasm";

fn file_name(name: &str) -> String {
    format!("{name}.{EXTENSION}")
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(file_name(name))
}

/// The plugin that a file of this name would be; none for what is no plugin: dot files,
/// temporary ones, and names that a plugin can't have.
pub fn plugin_of(file: &str) -> Option<&str> {
    let name = file.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    super::check_name(name).is_ok().then_some(name)
}

pub fn exists(folder: &Path, name: &str) -> bool {
    super::check_name(name).is_ok() && path(folder, name).is_file()
}

/// Names of the folder's plugins, sorted.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        let file = file.to_string_lossy();
        if let Some(name) = file
            .strip_suffix(".wasm")
            .filter(|name| !name.starts_with('.'))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a plugin, one byte more than `limit` at most: what is too large is refused by
/// its size, whatever the file grows to meanwhile.
pub async fn read(folder: &Path, name: &str, limit: usize) -> Result<Vec<u8>, LoadError> {
    let path = path(folder, name);
    let shown = path.display().to_string();
    let folder = folder.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let file = open_inside(&folder, &path)?;
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    blocking(read)
        .await
        .map_err(|error| file_error(name, Step::Read, format!("can't read {shown}: {error}")))
}

/// Opens a plugin's file. The folder is who may change plugins: a link out of it would
/// give that to someone else.
fn open_inside(folder: &Path, path: &Path) -> io::Result<File> {
    let real = path.canonicalize()?;
    if !real.starts_with(folder.canonicalize()?) {
        return Err(io::Error::other(
            "it is a link that leads out of the plugins folder; put the file itself there",
        ));
    }
    // A pipe would be waited for.
    if !real.is_file() {
        return Err(io::Error::other(
            "it is no file; put the plugin itself there",
        ));
    }
    File::open(real)
}

/// Writes a plugin, whole or not at all: it is on disk before it gets its name.
pub async fn write(folder: &Path, name: &str, bytes: Vec<u8>) -> Result<(), LoadError> {
    let target = path(folder, name);
    let shown = target.display().to_string();
    let folder = folder.to_owned();
    let file = file_name(name);
    let write = move || whole_file::write(&folder, &file, &bytes);
    blocking(write).await.map_err(|error| {
        let problem = format!("it is fine, but can't be written to {shown}: {error}");
        file_error(name, Step::Write, problem)
    })
}

/// Removes a plugin; one that is not there is removed.
pub async fn remove(folder: &Path, name: &str) -> Result<(), (PathBuf, io::Error)> {
    let path = path(folder, name);
    let removed = path.clone();
    match blocking(move || std::fs::remove_file(removed)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err((path, error)),
        _ => Ok(()),
    }
}

/// Work that waits for the disk, off the async threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
