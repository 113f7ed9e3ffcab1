//! Files of the plugins folder. Half-written ones have another name and become a plugin
//! by rename.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::file_error;
use crate::plugin::load::{LoadError, Step};
use crate::plugin::source::{ONE_FILE, Source, file_of, files_of, plugin_of};

pub fn exists(folder: &Path, name: &str) -> bool {
    super::check_name(name).is_ok() && !files_of(folder, name).is_empty()
}

/// Names of the folder's plugins, sorted.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        names.extend(plugin_of(&path).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Reads a plugin, one byte more than `limit` at most: what is too large is refused by
/// its size, whatever the file grows to meanwhile.
pub async fn read(folder: &Path, name: &str, limit: usize) -> Result<Source, LoadError> {
    let path = file_of(folder, name)
        .map_err(|several| file_error(name, Step::Read, format!("{several}; {ONE_FILE}")))?;
    let shown = path.display().to_string();
    let file = path.file_name().unwrap_or_default();
    let file = file.to_string_lossy().into_owned();
    let folder = folder.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let path = inside(&folder, &path)?;
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(Source { file, bytes })
    };
    blocking(read)
        .await
        .map_err(|error| file_error(name, Step::Read, format!("can't read {shown}: {error}")))
}

/// Where a path of the folder leads. Links may be in it, as some deployments make them,
/// but not out of it: who may write to the folder could make the server read anything.
/// What is no file is refused too; reading a pipe might never end.
fn inside(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let real = path.canonicalize()?;
    if !real.starts_with(folder.canonicalize()?) {
        let problem = format!(
            "it is a link out of the plugins folder, to {}; copy the file into the folder",
            real.display()
        );
        return Err(io::Error::other(problem));
    }
    if !real.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(real)
}

/// Writes a plugin, whole or not at all: it is on disk before it gets its name.
pub async fn write(folder: &Path, name: &str, source: Source) -> Result<(), LoadError> {
    let target = folder.join(&source.file);
    let shown = target.display().to_string();
    let temporary = folder.join(format!(".{name}.{:016x}.tmp", rand::random::<u64>()));
    let others = files_of(folder, name);
    let others: Vec<_> = others.into_iter().filter(|file| *file != target).collect();
    let folder = folder.to_owned();
    let write = move || {
        let written = File::create_new(&temporary)
            .and_then(|mut file| file.write_all(&source.bytes).and_then(|()| file.sync_all()))
            // A file of the other kind takes the new name first. So there are never two
            // files of one plugin, and never none, wherever this ends.
            .and_then(|()| {
                others
                    .iter()
                    .try_for_each(|file| std::fs::rename(file, &target))
            })
            .and_then(|()| std::fs::rename(&temporary, &target))
            .and_then(|()| File::open(&folder)?.sync_all());
        if written.is_err() {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    };
    blocking(write).await.map_err(|error| {
        let problem = format!("it is fine, but can't be written to {shown}: {error}");
        file_error(name, Step::Write, problem)
    })
}

/// Removes a plugin; one that is not there is removed.
pub async fn remove(folder: &Path, name: &str) -> Result<(), (PathBuf, io::Error)> {
    for path in files_of(folder, name) {
        let removed = path.clone();
        match blocking(move || std::fs::remove_file(removed)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((path, error)),
            _ => {}
        }
    }
    Ok(())
}

/// Work that waits for the disk, off the async threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
