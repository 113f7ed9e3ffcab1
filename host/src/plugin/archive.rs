//! Generations that were live, kept on disk for a rollback.
//!
//! Each plugin has a folder: its files by digest, and `history.json`, which says what
//! became of them. A history that can't be read costs the way back, never the start.

mod history;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::cache::hex;
use super::whole_file;

use history::History;
pub use history::{Entry, Outcome};

const HISTORY: &str = "history.json";

/// The archive of all plugins.
pub struct Archive {
    folder: PathBuf,
    /// Generations kept of each plugin.
    keep: usize,
    histories: Mutex<BTreeMap<String, History>>,
}

impl Archive {
    /// Reads the histories in a folder; it need not be there yet. `keep` is how many
    /// generations of a plugin are kept, the live one among them; 2 at least.
    pub fn open(folder: impl Into<PathBuf>, keep: usize) -> Self {
        let folder = folder.into();
        let histories = read_all(&folder).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(
                    "the archive of plugins {} can't be read: {error}; rollbacks reach back to \
                     this start only",
                    folder.display()
                );
            }
            BTreeMap::new()
        });
        Self {
            folder,
            keep: keep.max(2),
            histories: Mutex::new(histories),
        }
    }

    /// The highest number that a generation of any plugin has had.
    pub fn last_number(&self) -> u64 {
        let histories = self.histories.lock();
        let entries = histories.values().flat_map(History::entries);
        entries.map(|entry| entry.generation).max().unwrap_or(0)
    }

    /// What was live of a plugin, oldest first.
    pub fn entries(&self, plugin: &str) -> Vec<Entry> {
        let histories = self.histories.lock();
        let history = histories.get(plugin);
        history
            .map(|one| one.entries().to_vec())
            .unwrap_or_default()
    }

    /// The generation before the live one; none when there is nothing to go back to.
    pub fn before(&self, plugin: &str) -> Option<Entry> {
        self.histories.lock().get(plugin)?.before().cloned()
    }

    /// The bytes of a kept generation.
    ///
    /// # Errors
    /// The file is gone, or is not what was kept.
    pub fn read(&self, plugin: &str, entry: &Entry) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.folder.join(plugin).join(entry.file()))?;
        if hex(&Sha256::digest(&bytes)) != entry.digest {
            return Err(io::Error::other("the file was changed since it was kept"));
        }
        Ok(bytes)
    }

    /// Notes that a generation is live, and keeps its file. `back` when it is so by a
    /// rollback, with the reason.
    pub fn live(
        &self,
        plugin: &str,
        entry: Entry,
        bytes: Option<&[u8]>,
        back: Option<&str>,
    ) -> io::Result<()> {
        let folder = self.folder.join(plugin);
        let file = folder.join(entry.file());
        if let Some(bytes) = bytes
            // Its content is checked when it is needed.
            && !fs::metadata(&file).is_ok_and(|file| file.len() == bytes.len() as u64)
        {
            fs::create_dir_all(&folder)?;
            whole_file::write(&folder, &entry.file(), bytes)?;
        }
        if self.is_live(plugin, &entry.digest) {
            // A start, or other settings: nothing that is worth a write to the disk.
            if let Some(history) = self.histories.lock().get_mut(plugin) {
                history.live(entry, back, self.keep);
            }
            return Ok(());
        }
        self.change(plugin, |history| history.live(entry, back, self.keep))?;
        self.sweep(&folder, plugin)
    }

    fn is_live(&self, plugin: &str, digest: &str) -> bool {
        let histories = self.histories.lock();
        let entries = histories.get(plugin).into_iter().flat_map(History::entries);
        entries
            .into_iter()
            .any(|entry| entry.outcome == Outcome::Live && entry.digest == digest)
    }

    /// Notes that the live generation is out of service, and why; none when it serves
    /// again.
    pub fn quarantined(&self, plugin: &str, why: Option<&str>) -> io::Result<()> {
        self.change(plugin, |history| history.quarantined(why))
    }

    /// Forgets a plugin.
    pub fn forget(&self, plugin: &str) -> io::Result<()> {
        self.histories.lock().remove(plugin);
        match fs::remove_dir_all(self.folder.join(plugin)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn change(&self, plugin: &str, change: impl FnOnce(&mut History)) -> io::Result<()> {
        let text = {
            let mut histories = self.histories.lock();
            let history = histories.entry(plugin.to_owned()).or_default();
            change(history);
            serde_json::to_vec_pretty(history)?
        };
        let folder = self.folder.join(plugin);
        fs::create_dir_all(&folder)?;
        whole_file::write(&folder, HISTORY, &text)
    }

    /// Removes files that the history has no more.
    fn sweep(&self, folder: &Path, plugin: &str) -> io::Result<()> {
        let known: Vec<_> = self.entries(plugin).iter().map(Entry::file).collect();
        for file in fs::read_dir(folder)? {
            let file = file?;
            let name = file.file_name();
            let kept = name == HISTORY || known.iter().any(|known| name == known.as_str());
            if !kept {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// The histories of all plugins that have one that can be read.
fn read_all(folder: &Path) -> io::Result<BTreeMap<String, History>> {
    let mut histories = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(plugin) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        match read_one(&path.join(HISTORY)) {
            Ok(history) => {
                histories.insert(plugin.to_owned(), history);
            }
            Err(error) => tracing::error!(
                "the history of plugin `{plugin}` in {} can't be read: {error}; it begins anew, \
                 and rollbacks reach back to this start only",
                path.display()
            ),
        }
    }
    Ok(histories)
}

fn read_one(path: &Path) -> io::Result<History> {
    let history: History = serde_json::from_slice(&fs::read(path)?)?;
    history.check().map_err(io::Error::other)?;
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: &[u8], generation: u64) -> Entry {
        Entry::new(generation, "0.1.0", &hex(&Sha256::digest(bytes)), "wasm")
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder.join("p")).expect("a folder").count()
    }

    #[test]
    fn generations_survive_a_restart_and_old_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path(), 2);
        for (at, bytes) in [b"one", b"two", b"six"].into_iter().enumerate() {
            let entry = entry(bytes, at as u64 + 1);
            archive.live("p", entry, Some(bytes), None).expect("kept");
        }
        let archive = Archive::open(folder.path(), 2);
        assert_eq!(archive.last_number(), 3);
        let numbers: Vec<_> = archive.entries("p").iter().map(|e| e.generation).collect();
        assert_eq!(numbers, [2, 3]);
        let before = archive.before("p").expect("one before");
        assert_eq!(archive.read("p", &before).expect("its bytes"), b"two");
        assert_eq!(files(folder.path()), 3, "two files and the history");
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::open(folder.path(), 10);
        let one = entry(b"one", 1);
        archive
            .live("p", one.clone(), Some(b"one"), None)
            .expect("kept");
        fs::write(folder.path().join("p").join(one.file()), b"changed").expect("written");
        let error = archive.read("p", &one).expect_err("it is another file");
        assert!(error.to_string().contains("changed"), "{error}");
        // Live again, it is mended.
        archive
            .live("p", one.clone(), Some(b"one"), None)
            .expect("kept");
        assert_eq!(archive.read("p", &one).expect("its bytes"), b"one");

        for bad in ["{", r#"{"entries": 3}"#, &escape(&one)] {
            fs::write(folder.path().join("p").join(HISTORY), bad).expect("written");
            let archive = Archive::open(folder.path(), 10);
            assert!(archive.entries("p").is_empty(), "{bad}");
        }
    }

    /// A history whose digest is a path.
    fn escape(entry: &Entry) -> String {
        let mut history = History::default();
        history.live(entry.clone(), None, 10);
        let text = serde_json::to_string(&history).expect("JSON");
        text.replace(&entry.digest, "../../secret")
    }
}
