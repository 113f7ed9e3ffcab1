//! What the admin API says about plugins.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::slot::Slot;
use super::standing::{ProbationInfo, Quarantine, Rollback};
use crate::plugin::archive::{Archive, Entry};
use crate::plugin::generation::{Generation, Handler};
use crate::plugin::grant::Grant;
use crate::plugin::hook::Hook;
use crate::plugin::load::{LoadError, LoadReport};
use crate::plugin::meter::LimitFigures;
use crate::plugin::settings::Isolation;
use crate::plugin::statistics::HookFigures;

/// One plugin.
#[derive(Debug, Clone, Serialize)]
pub struct PluginInfo {
    pub name: String,
    /// The generation that serves; none when the plugin never loaded.
    pub current: Option<GenerationInfo>,
    /// Generations before it that messages still hold, oldest first.
    pub older: Vec<GenerationInfo>,
    /// Why the last attempt to load it failed; none when it did not.
    pub failure: Option<Failure>,
    /// The current generation's probation; none when it has none.
    pub probation: Option<ProbationInfo>,
    /// Why the current generation is not called; none when it is.
    pub quarantine: Option<Quarantine>,
    /// The rollback that made the current generation current; none when there was none.
    pub rolled_back: Option<Rollback>,
    /// What was live, oldest first, as far as it is kept.
    pub history: Vec<Entry>,
}

/// One generation.
#[derive(Debug, Clone, Serialize)]
pub struct GenerationInfo {
    pub generation: u64,
    pub version: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Bytes of the file.
    pub size: usize,
    pub hooks: Vec<Hook>,
    pub handlers: Vec<Handler>,
    pub imports: Vec<String>,
    pub grants: Vec<Grant>,
    pub isolation: Isolation,
    /// UTC, RFC 3339.
    pub loaded_at: String,
    pub load: LoadReport,
    /// Instances that wait for a call.
    pub idle_instances: usize,
    pub limits: Vec<LimitFigures>,
    /// What each hook did since it was loaded.
    pub figures: Vec<HookFigures>,
}

/// A load that failed, in words and by its step.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    #[serde(flatten)]
    pub error: LoadError,
    pub message: String,
}

/// What a new generation has or lacks compared with the one before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Changes {
    /// None when there was no generation before.
    pub previous: Option<u64>,
    /// The file is another one; false when only settings changed, or nothing.
    pub file_changed: bool,
    pub hooks_added: Vec<Hook>,
    pub hooks_removed: Vec<Hook>,
    pub handlers_added: Vec<String>,
    pub handlers_removed: Vec<String>,
    /// Message types whose schema is another one.
    pub schemas_changed: Vec<String>,
    /// Interfaces it imports: what it can do.
    pub imports_added: Vec<String>,
    pub imports_removed: Vec<String>,
    /// Grants that the new one has and imports nothing for; they could be taken back.
    pub grants_unused: Vec<Grant>,
    /// Grants that it has use for.
    pub grants_used: Vec<Grant>,
}

impl PluginInfo {
    pub(super) fn of(slot: &Slot, archive: Option<&Archive>) -> Self {
        let failure = slot.failure.lock().clone();
        let current = slot.current.load_full();
        let number = current.as_ref().map(|current| current.number());
        let older = slot.alive().into_iter();
        let older = older.filter(|old| Some(old.number()) != number);
        let standing = slot.standing.lock();
        let probation = standing.probation.as_ref().zip(current.as_deref());
        Self {
            name: slot.name.to_string(),
            probation: probation.map(|(probation, current)| probation.info(current)),
            quarantine: standing.quarantine.clone(),
            rolled_back: standing.rolled_back.clone(),
            history: archive
                .map(|archive| archive.entries(&slot.name))
                .unwrap_or_default(),
            current: current.as_deref().map(GenerationInfo::of),
            older: older.map(|old| GenerationInfo::of(&old)).collect(),
            failure: failure.map(|error| Failure {
                message: error.to_string(),
                error,
            }),
        }
    }
}

impl GenerationInfo {
    /// The facts of a generation.
    pub fn of(generation: &Generation) -> Self {
        let settings = generation.settings();
        let loaded_at: OffsetDateTime = generation.loaded_at();
        Self {
            generation: generation.number(),
            version: generation.version().to_string(),
            digest: generation.digest().to_string(),
            size: generation.size,
            hooks: generation.hooks().to_vec(),
            handlers: generation.handlers().to_vec(),
            imports: generation.imports.clone(),
            grants: settings.grants.clone(),
            isolation: settings.isolation,
            // It fails for years beyond 9999 only.
            loaded_at: loaded_at.format(&Rfc3339).unwrap_or_default(),
            load: generation.report().clone(),
            idle_instances: generation.idle(),
            limits: generation.limits(),
            figures: generation.figures(),
        }
    }
}

impl Changes {
    pub(super) fn between(old: Option<&Generation>, new: &Generation) -> Self {
        let types = |generation: &Generation| {
            let types = generation.handlers().iter();
            types
                .map(|handler| handler.message_type.clone())
                .collect::<Vec<_>>()
        };
        let old_types = old.map(types).unwrap_or_default();
        let new_types = types(new);
        let old_hooks = old.map(|old| old.hooks().to_vec()).unwrap_or_default();
        let old_imports = old.map(|old| old.imports.clone()).unwrap_or_default();
        let differs = |handler: &&Handler| {
            let before = old.and_then(|old| old.handler(&handler.message_type));
            before.is_some_and(|before| before.schema != handler.schema)
        };
        let changed = new.handlers().iter().filter(differs);
        let used = |grant: &Grant| new.imports.iter().any(|import| grant.is_for(import));
        let (grants_used, grants_unused) = new.settings().grants.iter().cloned().partition(used);
        Self {
            previous: old.map(Generation::number),
            file_changed: old.is_none_or(|old| old.digest() != new.digest()),
            hooks_added: missing(new.hooks(), &old_hooks),
            hooks_removed: missing(&old_hooks, new.hooks()),
            handlers_added: missing(&new_types, &old_types),
            handlers_removed: missing(&old_types, &new_types),
            imports_added: missing(&new.imports, &old_imports),
            schemas_changed: changed
                .map(|handler| handler.message_type.clone())
                .collect(),
            imports_removed: missing(&old_imports, &new.imports),
            grants_unused,
            grants_used,
        }
    }
}

/// What is in `these` and not in `those`.
fn missing<T: Clone + PartialEq>(these: &[T], those: &[T]) -> Vec<T> {
    these
        .iter()
        .filter(|item| !those.contains(item))
        .cloned()
        .collect()
}
