//! A plugin that is missing when the server starts: what was live before stands in.
//!
//! It is in quarantine, so none of its hooks is called; but it is known who may not
//! connect without it, and messages wait until its file is back or an operator resumes it.

use super::Plugins;
use super::standing::Quarantine;
use crate::plugin::archive::Entry;

impl Plugins {
    /// Loads the generation that was live last, for a plugin whose file is missing or does
    /// not load, and says so. False when none is kept, or that one does not load either.
    pub async fn stand_in(&self, name: &str, why: &str) -> bool {
        let archive = self.archive.as_ref();
        let entries = archive.map(|archive| archive.entries(name));
        let mut entries = entries.unwrap_or_default().into_iter().rev();
        let Some(entry) = entries.find(Entry::is_current) else {
            return false;
        };
        let (Ok(source), Ok((slot, loading))) =
            (self.kept(name, &entry).await, self.lock(name).await)
        else {
            return false;
        };
        let settings = self.settings(name);
        let Ok(candidate) = self.load(slot, loading, source, settings).await else {
            return false;
        };
        let parts = candidate.into_parts();
        let slot = parts.slot;
        slot.standing.lock().quarantine = Some(Quarantine::now(why));
        slot.serve(&parts.generation);
        self.slots.write().insert(name.to_owned(), slot);
        tracing::error!(
            plugin = name,
            "{why}. Messages to its endpoints wait: put the file back and reload the plugin, \
             or resume it to go on with {entry}, which was live before"
        );
        true
    }
}
