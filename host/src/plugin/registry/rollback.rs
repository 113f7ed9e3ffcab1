//! Going back to a generation that was live before.

use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::slot::Slot;
use super::standing::{ProbationState, Rollback};
use super::{Candidate, Plugins, RegistryError, file};
use crate::plugin::archive::Entry;
use crate::plugin::cache::hex;
use crate::plugin::generation::Generation;
use crate::plugin::load::LoadError;
use crate::plugin::source::Source;

/// What automatic rollback did with the plugin's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRestored {
    Yes,
    /// It is not the failed one's any more: someone has put another there, or removed it.
    NotOurs,
    /// A restart would load the failed one again.
    Failed(String),
}

impl Plugins {
    /// Loads a kept generation anew, as any other file: `to` is its number or the
    /// beginning of its digest; none is the one before the current. It becomes the
    /// plugin's file when it is activated.
    pub async fn candidate_from_archive(
        &self,
        name: &str,
        to: Option<&str>,
        reason: &str,
    ) -> Result<Candidate, RegistryError> {
        if self.handle(name).is_none() {
            return Err(self.unknown(name));
        }
        let (slot, loading) = self.lock(name).await?;
        let entry = self.target(name, to)?;
        let began = Instant::now();
        let source = self.kept(name, &entry).await?;
        let took = began.elapsed();
        let settings = self.settings(name);
        let loaded = self.load(slot, loading, source, settings).await?;
        Ok(loaded.read_in(took).rolling_back(reason))
    }

    /// The entry that a rollback goes to.
    fn target(&self, name: &str, to: Option<&str>) -> Result<Entry, RegistryError> {
        let archive = self.archive.as_ref();
        let entries = archive.map(|archive| archive.entries(name));
        let entries = entries.unwrap_or_default();
        let known = || match entries.is_empty() {
            true => "none kept".to_owned(),
            false => {
                let known: Vec<_> = entries.iter().map(ToString::to_string).collect();
                known.join(", ")
            }
        };
        let Some(to) = to else {
            let before = archive.and_then(|archive| archive.before(name));
            return before.ok_or_else(|| RegistryError::NothingBefore {
                name: name.to_owned(),
                known: known(),
            });
        };
        let mut found = find(&entries, to);
        match (found.next(), found.next()) {
            (Some(entry), None) if entry.is_current() => Err(RegistryError::AlreadyLive {
                name: name.to_owned(),
                entry: entry.to_string(),
            }),
            (Some(entry), None) => Ok(entry.clone()),
            _ => Err(RegistryError::NoSuchGeneration {
                name: name.to_owned(),
                to: crate::plugin::log::printable(to),
                known: known(),
            }),
        }
    }

    /// A kept generation's file.
    pub(super) async fn kept(&self, name: &str, entry: &Entry) -> Result<Source, RegistryError> {
        let (archive, plugin, wanted) = (self.archive.clone(), name.to_owned(), entry.clone());
        let read = file::blocking(move || match archive {
            Some(archive) => archive.read(&plugin, &wanted),
            None => Err(std::io::ErrorKind::NotFound.into()),
        });
        let bytes = read.await.map_err(|error| RegistryError::NotKept {
            name: name.to_owned(),
            entry: entry.to_string(),
            error,
        })?;
        let file = format!("{name}.{}", entry.extension);
        Ok(Source { file, bytes })
    }

    /// The generation to go back to from one that has failed its probation: none when it
    /// is not the current one any more, or not on probation.
    pub fn failing(&self, failed: &Generation) -> Option<Failing> {
        let slot = self.slots.read().get(&**failed.name()).cloned()?;
        let current = slot.current.load_full()?;
        if current.number() != failed.number() {
            return None;
        }
        let previous = {
            let standing = slot.standing.lock();
            let running = standing.probation.as_ref().filter(|one| one.is_running())?;
            running.previous.clone()
        };
        Some(Failing { slot, previous })
    }

    /// Puts the previous generation back, which is still warm. Its file is another matter:
    /// see [`Self::restore_file`].
    pub fn put_back(&self, failing: &Failing, previous: &Arc<Generation>, reason: &str) {
        let slot = &failing.slot;
        let mut standing = slot.standing.lock();
        let failed = slot.serve(previous);
        let from = failed.map_or(0, |failed| failed.number());
        standing.probation = None;
        standing.quarantine = None;
        standing.rolled_back = Some(Rollback::now(from, previous.number(), reason));
    }

    /// After [`Self::put_back`]: makes the previous generation's file the plugin's again,
    /// unless it is not the failed one's any more, and notes the rollback in the archive.
    pub async fn restore_file(
        &self,
        failed: &Generation,
        previous: &Generation,
        reason: &str,
    ) -> FileRestored {
        let name = previous.name().to_string();
        let restored = self.write_back(&name, failed, previous).await;
        if let Some(entry) = self.entry_of(previous) {
            let (why, plugin) = (reason.to_owned(), name.clone());
            self.keep(&name, move |archive| {
                archive.live(&plugin, entry.live_again(), None, Some(&why))
            })
            .await;
        }
        restored
    }

    async fn write_back(
        &self,
        name: &str,
        failed: &Generation,
        previous: &Generation,
    ) -> FileRestored {
        // Removed, or something else is in its place, if it can't be read.
        let digest = self.file_digest(name).await.ok();
        if digest.as_deref() != Some(&**failed.digest()) {
            return FileRestored::NotOurs;
        }
        let Some(entry) = self.entry_of(previous) else {
            return FileRestored::Failed("the old one is not in the archive".to_owned());
        };
        let restored = match self.kept(name, &entry).await {
            Ok(source) => {
                let written = file::write(&self.folder, name, source).await;
                written.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match restored {
            Ok(()) => FileRestored::Yes,
            Err(error) => FileRestored::Failed(error),
        }
    }

    /// What the archive has of a generation; none when it is not kept.
    fn entry_of(&self, generation: &Generation) -> Option<Entry> {
        let entries = self.archive.as_ref()?.entries(generation.name());
        let mut entries = entries.into_iter();
        entries.find(|entry| entry.digest == **generation.digest())
    }
}

impl Plugins {
    /// The digest of a plugin's file as it is now.
    pub async fn file_digest(&self, name: &str) -> Result<String, LoadError> {
        let limit = self.settings(name).limits.component;
        let source = file::read(&self.folder, name, limit).await?;
        Ok(hex(&Sha256::digest(&source.bytes)))
    }
}

/// A generation on probation, with what to go back to.
pub struct Failing {
    slot: Arc<Slot>,
    /// The generation before it; none when there is none.
    pub previous: Option<Arc<Generation>>,
}

impl Failing {
    /// Ends the probation with this result.
    pub fn end(&self, state: ProbationState) {
        if let Some(probation) = &mut self.slot.standing.lock().probation {
            probation.end(state);
        }
    }
}

/// Entries by number, or by the beginning of their digest where no number fits.
fn find<'a>(entries: &'a [Entry], to: &str) -> impl Iterator<Item = &'a Entry> {
    let number = to.parse::<u64>().ok();
    let numbered = entries
        .iter()
        .filter(move |entry| Some(entry.generation) == number);
    let to = to.to_ascii_lowercase();
    let by_number = numbered.clone().next().is_some();
    let named = entries
        .iter()
        .filter(move |entry| !by_number && to.len() >= 4 && entry.digest.starts_with(&to));
    numbered.chain(named)
}
