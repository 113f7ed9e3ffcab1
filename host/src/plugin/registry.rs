//! The plugins of this server: which file, and which generation of it is current.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use tokio::sync::OwnedMutexGuard;

use super::archive::Archive;
use super::cache::CompileCache;
use super::engine::Engine;
use super::exposition;
use super::generation::Generation;
use super::imports::http::Network;
use super::load::{LoadError, Step, check_name, load};
use super::log::LogBook;
use super::recorder::{Recorder, Watch};
use super::settings::PluginSettings;
use super::source::Source;

mod activate;
mod error;
mod file;
mod folder;
mod info;
mod rollback;
mod slot;
mod stand_in;
mod standing;

pub use activate::Activated;
pub use error::RegistryError;
pub use info::{Changes, Failure, GenerationInfo, PluginInfo};
pub use rollback::{Failing, FileRestored};
use slot::Slot;
pub use slot::{Candidate, PluginHandle, Serving};
pub use standing::{Probation, ProbationState, Rollback};

/// All plugins. Shared behind an `Arc`; every method takes `&self`.
pub struct Plugins {
    engine: Engine,
    folder: PathBuf,
    cache: Option<Arc<CompileCache>>,
    archive: Option<Arc<Archive>>,
    settings: RwLock<BTreeMap<String, Arc<PluginSettings>>>,
    slots: RwLock<BTreeMap<String, Arc<Slot>>>,
    /// One lock for each name that is being loaded, so that reloads of one name come one
    /// after the other. Async, because loading waits for the compiler; nothing that
    /// serves messages takes them.
    loading: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The last generation number given out, by this process or those before it.
    numbers: AtomicU64,
    /// None where nothing is recorded.
    recorder: Option<Recorder>,
}

impl Plugins {
    /// No plugin is loaded yet; `settings` are those of `[plugins.NAME]`.
    pub fn new(
        engine: Engine,
        folder: impl Into<PathBuf>,
        cache: Option<CompileCache>,
        settings: BTreeMap<String, PluginSettings>,
    ) -> Self {
        let settings = settings
            .into_iter()
            .map(|(name, settings)| (name, Arc::new(settings)));
        Self {
            engine,
            folder: folder.into(),
            cache: cache.map(Arc::new),
            settings: RwLock::new(settings.collect()),
            slots: RwLock::default(),
            loading: Mutex::default(),
            numbers: AtomicU64::new(0),
            recorder: None,
            archive: None,
        }
    }

    /// The same, with an archive: what was live is kept for rollbacks, and numbers go on
    /// where the last process left off.
    pub fn with_archive(self, archive: Archive) -> Self {
        Self {
            numbers: AtomicU64::new(archive.last_number()),
            archive: Some(Arc::new(archive)),
            ..self
        }
    }

    /// The same, with calls recorded.
    pub fn recorded(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The way to a plugin; none when there is no plugin of this name.
    pub fn handle(&self, name: &str) -> Option<PluginHandle> {
        self.slots.read().get(name).cloned().map(PluginHandle::new)
    }

    /// What there is to know of one plugin.
    pub fn get(&self, name: &str) -> Option<PluginInfo> {
        let slot = self.slots.read().get(name).cloned()?;
        Some(PluginInfo::of(&slot, self.archive.as_deref()))
    }

    /// What the server's own requests go through, as those of plugins do.
    pub fn network(&self) -> Arc<Network> {
        self.engine.network()
    }

    /// What is kept of a plugin's log; none when there is no plugin of this name.
    pub fn log(&self, name: &str) -> Option<Arc<LogBook>> {
        self.handle(name)?;
        Some(self.engine.books().of(name))
    }

    /// The same of all, by name.
    pub fn list(&self) -> Vec<PluginInfo> {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        let info = |slot: &Arc<Slot>| PluginInfo::of(slot, self.archive.as_deref());
        slots.iter().map(info).collect()
    }

    /// The figures of all generations that are alive, as Prometheus text.
    pub fn metrics(&self) -> String {
        let alive = self.alive();
        exposition::render(alive.iter().map(|generation| &**generation))
    }

    /// Drops instances that have waited for a call longer than `limits.idle`.
    pub fn trim(&self, now: Instant) {
        for generation in self.alive() {
            generation.trim(now);
        }
    }

    fn alive(&self) -> Vec<Arc<Generation>> {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        slots.iter().flat_map(|slot| slot.alive()).collect()
    }

    /// Loads the plugin's file again, with new settings or those it has. Activating
    /// candidates of several plugins together applies a changed config; make them in the
    /// order of their names, or two such callers may wait for each other.
    pub async fn candidate(
        &self,
        name: &str,
        settings: Option<PluginSettings>,
    ) -> Result<Candidate, LoadError> {
        let (slot, loading) = self.lock(name).await?;
        let settings = settings.map_or_else(|| self.settings(name), Arc::new);
        let began = Instant::now();
        let result = file::read(&self.folder, name, settings.limits.component).await;
        let took = began.elapsed();
        let result = match result {
            Ok(source) => self.load(slot.clone(), loading, source, settings).await,
            Err(error) => Err(error),
        };
        let result = result.map(|candidate| candidate.read_in(took));
        result.inspect_err(|error| self.failed(&slot, error))
    }

    /// Loads the plugin's file again, with the settings it has.
    pub async fn candidate_from_file(&self, name: &str) -> Result<Candidate, RegistryError> {
        if self.handle(name).is_none() && !file::exists(&self.folder, name) {
            return Err(self.unknown(name));
        }
        Ok(self.candidate(name, None).await?)
    }

    /// Loads an uploaded plugin. It becomes the file of its name when it is activated.
    pub async fn candidate_from_upload(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Candidate, RegistryError> {
        let (slot, loading) = self.lock(name).await?;
        let settings = self.settings(name);
        let source = Source::uploaded(&self.folder, name, bytes);
        let result = self.load(slot.clone(), loading, source, settings).await;
        let candidate = result.inspect_err(|error| self.failed(&slot, error))?;
        Ok(candidate.uploaded())
    }

    /// Loads an uploaded plugin to see whether it does; nothing is noted if it does not.
    pub async fn candidate_to_try(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Candidate, RegistryError> {
        let (slot, loading) = self.lock(name).await?;
        let settings = self.settings(name);
        let source = Source::uploaded(&self.folder, name, bytes);
        Ok(self.load(slot, loading, source, settings).await?)
    }

    /// Loads a plugin to be compared with the one that serves, from `bytes` or else from
    /// its file, and says what activating it would change. It never serves, whether it
    /// loads is not noted, and it keeps nobody from loading the name meanwhile.
    pub async fn load_to_compare(
        &self,
        name: &str,
        bytes: Option<Vec<u8>>,
    ) -> Result<(Generation, Changes), RegistryError> {
        check_name(name)?;
        let settings = self.settings(name);
        let source = match bytes {
            Some(bytes) => Source::uploaded(&self.folder, name, bytes),
            None if file::exists(&self.folder, name) => {
                file::read(&self.folder, name, settings.limits.component).await?
            }
            None => return Err(self.unknown(name)),
        };
        let generation = self.generation(name, source, settings).await?;
        let current = self.handle(name).and_then(|plugin| plugin.current());
        let changes = Changes::between(current.as_deref(), &generation);
        Ok((generation, changes))
    }

    /// The watch over a plugin's calls; none when there is no such plugin, or nothing is
    /// recorded.
    pub fn watch(&self, name: &str) -> Option<Arc<Watch>> {
        self.handle(name)?;
        Some(self.recorder.as_ref()?.watch(name))
    }

    /// Deletes a plugin and its file. `users` names the endpoints that use it; it is
    /// asked while nobody can load the plugin.
    pub async fn delete(
        &self,
        name: &str,
        users: impl FnOnce() -> Vec<String>,
    ) -> Result<(), RegistryError> {
        let (slot, _loading) = self.lock(name).await?;
        if self.handle(name).is_none() {
            return Err(self.unknown(name));
        }
        let users = users();
        if !users.is_empty() {
            return Err(RegistryError::InUse {
                name: name.to_owned(),
                users: users.join(", "),
            });
        }
        file::remove(&self.folder, name)
            .await
            .map_err(|(path, error)| RegistryError::File {
                what: "delete",
                path,
                error,
            })?;
        self.slots.write().remove(name);
        slot.current.store(None);
        let plugin = name.to_owned();
        self.keep(name, move |archive| archive.forget(&plugin))
            .await;
        Ok(())
    }

    /// The settings that a reload of this plugin would use.
    fn settings(&self, name: &str) -> Arc<PluginSettings> {
        self.settings.read().get(name).cloned().unwrap_or_default()
    }

    /// Waits until nobody else loads this name. A name without a slot gets one, which is
    /// not listed yet.
    async fn lock(&self, name: &str) -> Result<(Arc<Slot>, OwnedMutexGuard<()>), LoadError> {
        check_name(name)?;
        let lock = {
            let mut loading = self.loading.lock();
            // Whoever holds a lock or waits for it has a clone; the others are not needed.
            loading.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(loading.entry(name.to_owned()).or_default())
        };
        let guard = lock.lock_owned().await;
        let slot = self.slots.read().get(name).cloned();
        Ok((slot.unwrap_or_else(|| Arc::new(Slot::new(name))), guard))
    }

    /// Makes a candidate of what was read or uploaded.
    async fn load(
        &self,
        slot: Arc<Slot>,
        loading: OwnedMutexGuard<()>,
        source: Source,
        settings: Arc<PluginSettings>,
    ) -> Result<Candidate, LoadError> {
        let loaded = self.generation(&slot.name, source.clone(), settings).await;
        Ok(Candidate::new(loaded?, slot, loading, source))
    }

    /// Loads what was read or uploaded, to be recorded when it serves.
    async fn generation(
        &self,
        name: &str,
        source: Source,
        settings: Arc<PluginSettings>,
    ) -> Result<Generation, LoadError> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let cache = self.cache.clone();
        let mut generation = load(&self.engine, cache, number, name, source, settings).await?;
        generation.watch = self.recorder.as_ref().map(|recorder| recorder.watch(name));
        Ok(generation)
    }

    /// Notes a load that failed.
    fn failed(&self, slot: &Arc<Slot>, error: &LoadError) {
        tracing::warn!("{error}");
        *slot.failure.lock() = Some(error.clone());
        // A file of the folder that never loaded is listed with its failure; an upload
        // that failed left no file and is not.
        if file::exists(&self.folder, &slot.name) {
            let name = slot.name.to_string();
            let mut slots = self.slots.write();
            slots.entry(name).or_insert_with(|| Arc::clone(slot));
        }
    }

    fn unknown(&self, name: &str) -> RegistryError {
        let known = super::inspect::listed(self.slots.read().keys().map(String::as_str));
        RegistryError::Unknown {
            name: super::log::printable(name),
            known,
        }
    }
}

/// A failure of the plugin's file.
fn file_error(name: &str, step: Step, problem: String) -> LoadError {
    LoadError {
        plugin: name.to_owned(),
        step,
        problem,
        missing_grants: Vec::new(),
    }
}
