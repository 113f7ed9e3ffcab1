//! Making a candidate current.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::slot::Parts;
use super::standing::{Probation, Quarantine};
use super::{Candidate, Plugins, RegistryError, file};
use crate::plugin::archive::{Archive, Entry, Outcome};
use crate::plugin::generation::Generation;
use crate::plugin::load::Step;

/// A candidate that has become current.
pub struct Activated {
    pub generation: Arc<Generation>,
    /// What that took, in microseconds by step, after the steps of its load.
    pub steps: Vec<(Step, u64)>,
}

impl Plugins {
    /// Makes a candidate current. Messages whose judging began before keep the old
    /// generation, which is dropped after the last of them, or after probation.
    ///
    /// # Errors
    /// An upload could not be written to the folder; then the old file and the old
    /// generation stay.
    pub async fn activate(&self, candidate: Candidate) -> Result<Activated, RegistryError> {
        let Parts {
            generation,
            slot,
            source,
            becomes_file,
            rollback,
            probation,
            read: _,
            _loading,
        } = candidate.into_parts();
        let name = slot.name.to_string();
        let mut steps = Vec::new();
        let mut began = Instant::now();
        let mut end = |step| {
            let took = began.elapsed().as_micros();
            steps.push((step, u64::try_from(took).unwrap_or(u64::MAX)));
            began = Instant::now();
        };
        if becomes_file {
            let written = file::write(&self.folder, &name, source.clone()).await;
            written.inspect_err(|error| *slot.failure.lock() = Some(error.clone()))?;
            end(Step::Write);
        }
        let entry = entry(&generation, &source.file);
        let reason = rollback.as_ref().map(|rollback| rollback.reason.clone());
        let plugin = name.clone();
        self.keep(&name, move |archive| {
            archive.live(&plugin, entry, Some(&source.bytes), reason.as_deref())
        })
        .await;
        end(Step::Keep);

        let settings = generation.pool.shared_settings();
        self.settings.write().insert(name.clone(), settings);
        self.slots
            .write()
            .entry(name)
            .or_insert_with(|| Arc::clone(&slot));
        {
            let mut standing = slot.standing.lock();
            let trusted = standing.trusted(slot.current.load_full(), generation.digest());
            standing.probation = probation.map(|rule| Probation::new(rule, trusted));
            standing.quarantine = None;
            let same = |current: &Arc<Generation>| current.digest() == generation.digest();
            if rollback.is_some() || !slot.current.load().as_ref().is_some_and(same) {
                // What is deployed after a rollback ends its being news.
                standing.rolled_back = rollback;
            }
            slot.serve(&generation);
        }
        *slot.failure.lock() = None;
        if let Some(rule) = probation {
            generation.trial.begin(rule);
        }
        end(Step::Swap);
        tracing::info!(
            plugin = %generation.name(), version = %generation.version(),
            generation = generation.number(), took = ?generation.report().total(),
            "plugin is live"
        );
        Ok(Activated { generation, steps })
    }

    /// The same for what the folder has at start. A file that was in quarantine stays in
    /// it.
    pub(super) async fn activate_at_start(
        &self,
        candidate: Candidate,
    ) -> Result<Arc<Generation>, RegistryError> {
        let name = candidate.generation().name().to_string();
        let digest = candidate.generation().digest().to_string();
        let entries = self.archive.as_ref().map(|archive| archive.entries(&name));
        let quarantined = entries
            .into_iter()
            .flatten()
            .find(|entry| entry.outcome == Outcome::Quarantined && entry.digest == digest);
        let generation = self.activate(candidate).await?.generation;
        if let Some(entry) = quarantined {
            let reason = entry.reason.as_deref();
            let reason = reason.unwrap_or("since before the restart");
            self.quarantine(&name, Some(reason))?;
            self.note_quarantine(&name, Some(reason)).await;
            tracing::warn!(plugin = name, "still in quarantine: {reason}");
        }
        Ok(generation)
    }

    /// Changes the archive, off the async threads. A failure costs a way back, not what is
    /// being done.
    pub(super) async fn keep(
        &self,
        plugin: &str,
        change: impl FnOnce(&Archive) -> io::Result<()> + Send + 'static,
    ) {
        let Some(archive) = self.archive.clone() else {
            return;
        };
        if let Err(error) = file::blocking(move || change(&archive)).await {
            tracing::error!(
                "the archive of plugin `{plugin}` can't be written: {error}; a rollback may not \
                 reach all of its generations"
            );
        }
    }

    /// Takes the current generation out of service, with a reason, or puts it into service
    /// again. Chains are built anew by the caller, and [`Self::note_quarantine`] makes it
    /// last.
    pub fn quarantine(&self, name: &str, reason: Option<&str>) -> Result<(), RegistryError> {
        let slot = self.slots.read().get(name).cloned();
        let slot = slot.ok_or_else(|| self.unknown(name))?;
        if slot.current.load().is_none() {
            let name = name.to_owned();
            return Err(RegistryError::NeverLoaded { name });
        }
        slot.standing.lock().quarantine = reason.map(Quarantine::now);
        Ok(())
    }

    /// Writes down that a plugin is in quarantine, or not any more, for the next start.
    pub async fn note_quarantine(&self, name: &str, reason: Option<&str>) {
        let (plugin, reason) = (name.to_owned(), reason.map(str::to_owned));
        self.keep(name, move |archive| {
            archive.quarantined(&plugin, reason.as_deref())
        })
        .await;
    }
}

/// What the archive notes of a generation.
fn entry(generation: &Generation, file: &str) -> Entry {
    let (_, extension) = file.rsplit_once('.').unwrap_or_default();
    Entry::new(
        generation.number(),
        generation.version(),
        generation.digest(),
        extension,
    )
}
