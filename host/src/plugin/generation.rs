//! A loaded version of a plugin.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::error::HookError;
use super::hook::Hook;
use super::limits::Unit;
use super::load::LoadReport;
use super::log::PluginLog;
use super::meter::{LimitFigures, Meter};
use super::pool::Pool;
use super::recorder::Watch;
use super::settings::PluginSettings;
use super::statistics::{HookFigures, Statistics};
use super::trap::TrapKind;
use super::trial::{Totals, Trial};

/// A plugin as it was loaded from one file with one set of settings. A message is judged
/// wholly by the generations that were current when its judging began; an old one lives
/// until the last such message is done.
pub struct Generation {
    pub(super) name: Arc<str>,
    pub(super) version: Arc<str>,
    pub(super) number: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub(super) digest: Arc<str>,
    /// Bytes of the file.
    pub(super) size: usize,
    pub(super) hooks: Vec<Hook>,
    pub(super) handlers: Vec<Handler>,
    pub(super) imports: Vec<String>,
    pub(super) loaded_at: OffsetDateTime,
    pub(super) report: LoadReport,
    pub(super) pool: Pool,
    pub(super) statistics: Arc<Statistics>,
    /// Its probation, if it has one.
    pub(super) trial: Arc<Trial>,
    /// Who wants to know of its calls; none where nothing is recorded.
    pub(super) watch: Option<Arc<Watch>>,
}

/// A message type that the plugin answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Handler {
    /// The value that selects it: `_type` in the gramex dialect.
    pub message_type: String,
    /// JSON Schema of the message; none accepts any object.
    pub schema: Option<Value>,
}

impl Generation {
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The plugin's own version, from `describe`.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Higher than that of any generation loaded before by this process.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// The hooks that are called: exported, and listed by `describe`.
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// Whether a hook is called. Calling one that is not changes nothing.
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// The message types that the plugin answers.
    pub fn handlers(&self) -> &[Handler] {
        &self.handlers
    }

    /// The handler of a message type.
    pub fn handler(&self, message_type: &str) -> Option<&Handler> {
        self.handlers
            .iter()
            .find(|handler| handler.message_type == message_type)
    }

    /// The settings it was loaded with.
    pub fn settings(&self) -> &PluginSettings {
        self.pool.settings()
    }

    pub fn loaded_at(&self) -> OffsetDateTime {
        self.loaded_at
    }

    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// The same generation with instances of its own: what a comparison does to them is
    /// not felt by those that serve, nor counted, and they send no HTTP requests.
    pub fn twin(&self) -> Self {
        let pool = self.pool.twin(Arc::new(PluginLog::keeping(self)));
        Self {
            name: Arc::clone(&self.name),
            version: Arc::clone(&self.version),
            number: self.number,
            digest: Arc::clone(&self.digest),
            size: self.size,
            hooks: self.hooks.clone(),
            handlers: self.handlers.clone(),
            imports: self.imports.clone(),
            loaded_at: self.loaded_at,
            report: self.report.clone(),
            statistics: pool.statistics(),
            pool,
            trial: Arc::default(),
            watch: None,
        }
    }

    /// What its hooks did so far, `describe` included.
    pub fn figures(&self) -> Vec<HookFigures> {
        let mut hooks = vec![Hook::Describe];
        hooks.extend(&self.hooks);
        self.statistics.figures(&hooks)
    }

    /// Its limits, how close it came to them and how often it hit them. The stack is the
    /// engine's, but who overflowed it is the plugin's.
    pub fn limits(&self) -> Vec<LimitFigures> {
        let mut figures = self.meter().figures();
        figures.push(LimitFigures {
            name: "stack",
            unit: Unit::Bytes,
            limit: self.pool.stack(),
            high_water: None,
            hits: self.statistics.traps(TrapKind::StackOverflow),
        });
        figures
    }

    pub(super) fn meter(&self) -> &Meter {
        self.pool.meter()
    }

    /// Instances that wait for a call.
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Makes one more instance, which serves the next call.
    ///
    /// # Errors
    /// The same as of a call that finds no instance.
    pub async fn add_instance(&self) -> Result<(), HookError> {
        let (instance, _) = self.pool.make(Hook::Describe).await?;
        self.pool.keep(instance);
        Ok(())
    }

    /// Drops instances that have waited for a call longer than `limits.idle`.
    pub fn trim(&self, now: Instant) {
        self.pool.trim(now);
    }

    /// Calls and failures so far, over all hooks.
    pub fn totals(&self) -> Totals {
        self.statistics.totals()
    }

    /// One of its calls has failed: is it one too many?
    pub(super) fn failed(&self) {
        self.trial.look(|| self.statistics.totals());
    }

    /// Its probation. Outlives it: who waits for a verdict must not keep it alive.
    pub fn trial(&self) -> &Arc<Trial> {
        &self.trial
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Generation({} {} #{})",
            self.name, self.version, self.number
        )
    }
}
