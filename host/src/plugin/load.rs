//! From the bytes of a file to a generation that can serve, step by step.
//!
//! Nothing here touches what is serving: a plugin that fails at any step leaves the old
//! one where it is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use wasmtime::component::Component;

use super::cache::{CompileCache, hex};
use super::engine::Engine;
use super::error::HookError;
use super::generation::Generation;
use super::hook::Hook;
use super::imports;
use super::inspect::{self, Outside};
use super::instance::Exports;
use super::limits::{Limit, Limits};
use super::log::{PluginLog, printable};
use super::meter::Meter;
use super::pool::Pool;
use super::script::{self, Script, Start};
use super::settings::PluginSettings;
use super::source::{Code, Source};
use super::statistics::Statistics;

mod description;
mod self_test;

/// What loading does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The file is read from the plugins folder.
    Read,
    /// The plugin's name is checked.
    Name,
    /// The settings are checked against the engine's.
    Settings,
    /// The file's size is checked, and its digest taken.
    Digest,
    /// The file is WebAssembly or a script; a core module is made a component.
    Format,
    /// Every import is granted.
    Imports,
    /// It exports `describe` and at least one hook.
    Exports,
    /// Machine code is made, or taken from the cache.
    Compile,
    /// Imports are connected with host functions.
    Link,
    /// An instance is made and says what it is.
    Instantiate,
    /// The script runs in that instance, up to its exports.
    Script,
    /// What it says agrees with what it exports.
    Describe,
    /// The fixtures it exports run as they should.
    #[serde(rename = "self-test")]
    SelfTest,
    /// It goes together with the other plugins of its endpoints.
    Fit,
    /// The file is written to the plugins folder.
    Write,
    /// The file is kept for a rollback.
    Keep,
    /// It takes the old generation's place.
    Swap,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::SelfTest => "self-test".to_owned(),
            step => format!("{step:?}").to_lowercase(),
        };
        f.write_str(&name)
    }
}

/// A plugin that could not be loaded.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("plugin `{}` can't be loaded (step {step}): {problem}", printable(.plugin))]
pub struct LoadError {
    pub plugin: String,
    pub step: Step,
    /// What is wrong and what to do about it.
    pub problem: String,
    /// What it imports and may not, where a grant would help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_grants: Vec<MissingGrant>,
}

/// An import that needs a grant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MissingGrant {
    pub import: String,
    /// Any of these will do.
    pub grants: Vec<&'static str>,
    /// What to write into the config, with the first of them.
    pub config: String,
}

/// How loading went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// Time each step took, in microseconds.
    pub steps: Vec<(Step, u64)>,
    /// The machine code came from the cache.
    pub cached: bool,
}

impl LoadReport {
    /// Time all steps took.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.steps.iter().map(|(_, micros)| micros).sum())
    }
}

/// The steps of one load, timed.
struct Steps<'a> {
    plugin: &'a str,
    report: LoadReport,
    began: Instant,
}

impl Steps<'_> {
    /// Time that the last step took.
    fn last(&self) -> Duration {
        let last = self.report.steps.last();
        last.map_or(Duration::ZERO, |(_, micros)| Duration::from_micros(*micros))
    }

    /// Ends a step: notes its time, or makes its failure the load's.
    fn end<T>(&mut self, step: Step, result: Result<T, String>) -> Result<T, LoadError> {
        let took = self.began.elapsed().as_micros();
        self.report
            .steps
            .push((step, u64::try_from(took).unwrap_or(u64::MAX)));
        self.began = Instant::now();
        result.map_err(|problem| LoadError {
            plugin: self.plugin.to_owned(),
            step,
            problem,
            missing_grants: Vec::new(),
        })
    }
}

/// Checks a name before it becomes part of a path: lower case letters, digits and `-`.
pub fn check_name(name: &str) -> Result<(), LoadError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid =
        name.len() <= 63 && name.starts_with(fits) && name.chars().all(|c| fits(c) || c == '-');
    if valid {
        return Ok(());
    }
    Err(LoadError {
        plugin: name.to_owned(),
        step: Step::Name,
        problem: "the name must be 1 to 63 characters of a-z, 0-9 and `-`, and not begin with \
                  `-`; rename the plugin"
            .into(),
        missing_grants: Vec::new(),
    })
}

/// Loads a plugin that no server knows, to run fixtures on it: as generation 1, without
/// a cache. `bytes` are those of a component, a core module or a script.
///
/// # Errors
/// It can't be loaded, or fails one of its self-tests.
pub async fn load_alone(
    engine: &Engine,
    name: &str,
    bytes: Vec<u8>,
    settings: PluginSettings,
) -> Result<Generation, LoadError> {
    let source = Source::uploaded(Path::new(""), name, bytes);
    load(engine, None, 1, name, source, Arc::new(settings)).await
}

/// Loads one file as generation `number`. Compiles off the async threads.
pub async fn load(
    engine: &Engine,
    cache: Option<Arc<CompileCache>>,
    number: u64,
    name: &str,
    source: Source,
    settings: Arc<PluginSettings>,
) -> Result<Generation, LoadError> {
    let report = LoadReport::default();
    let mut steps = Steps {
        plugin: name,
        report,
        began: Instant::now(),
    };
    steps.end(Step::Name, check_name(name).map_err(|error| error.problem))?;
    steps.end(Step::Settings, check_settings(&settings))?;

    let meter = Arc::new(Meter::new(&settings.limits));
    let size = source.bytes.len();
    meter.used(Limit::Component, size as u64);
    let digest = check_size(size, name, &settings).map(|()| Sha256::digest(&source.bytes).into());
    let digest: [u8; 32] = steps.end(Step::Digest, digest)?;
    let read = source.code().and_then(Form::read);
    let form = steps.end(Step::Format, read)?;
    let allowed = match &form.script {
        // The runtime imports everything.
        Some(_) => Ok(()),
        None => inspect::check_imports(&form.outside, name, &settings),
    };
    steps
        .end(Step::Imports, allowed)
        .map_err(|error| LoadError {
            missing_grants: inspect::missing_grants(&form.outside, name, &settings),
            ..error
        })?;
    let exported = steps.end(Step::Exports, exports(&form.outside))?;

    let Form {
        wasm,
        outside,
        script,
    } = form;
    let compiled = match wasm {
        Some(wasm) => {
            let (compiler, limits) = (engine.compiler(), &settings.limits);
            let engine = engine.wasmtime();
            compiler
                .component(engine, cache, digest, wasm, limits)
                .await
        }
        None => compile_runtime(engine, cache).await,
    };
    let (component, cached) = steps.end(Step::Compile, compiled)?;
    steps.report.cached = cached;
    if !cached {
        meter.used_time(Limit::CompileTime, steps.last());
    }
    let linker = imports::linker(engine.wasmtime(), &settings, script.as_ref());
    let linked = linker.and_then(|linker| {
        let pre = linker.instantiate_pre(&component)?;
        let exports = Exports::find(&pre, &exported, inspect::exports_self_test(&outside))?;
        let script = script.map(|script| Start::new(&pre, script)).transpose()?;
        Ok((pre, exports, script))
    });
    let (pre, exports, script) = steps.end(Step::Link, linked.map_err(mismatch))?;

    let plugin: Arc<str> = name.into();
    let book = engine.books().of(name);
    let log = PluginLog::new(Arc::clone(&plugin), number, Arc::clone(&meter), book);
    let log = Arc::new(log);
    let statistics = Arc::new(Statistics::new(meter));
    let pool = Pool::new(
        engine.clone(),
        pre,
        exports,
        script,
        Arc::clone(&settings),
        Arc::clone(&log),
        Arc::clone(&statistics),
    );
    let made = pool.make(Hook::Describe).await;
    let (step, made) = match made {
        // Nothing of it is worth saying but what the script reports.
        Err(HookError::Threw { report, .. }) => (Step::Script, Err(report)),
        made => (Step::Instantiate, made.map_err(|error| error.to_string())),
    };
    let (instance, description) = steps.end(step, made)?;
    let described = description::check(description, &exported);
    let described = steps.end(Step::Describe, described)?;
    let version: Arc<str> = described.version.into();
    log.set_version(Arc::clone(&version));
    // The first call finds an instance.
    pool.keep(instance);

    let mut generation = Generation {
        name: plugin,
        version,
        number,
        digest: hex(&digest).into(),
        size,
        hooks: described.hooks,
        handlers: described.handlers,
        imports: outside.imports,
        loaded_at: OffsetDateTime::now_utc(),
        report: LoadReport::default(),
        pool,
        statistics,
        trial: Arc::default(),
        watch: None,
    };
    let tested = self_test::run(&generation).await;
    steps.end(Step::SelfTest, tested)?;
    generation.report = steps.report;
    Ok(generation)
}

/// What a file is, to the host.
struct Form {
    /// The component; none for a script, which the runtime's component runs.
    wasm: Option<Vec<u8>>,
    outside: Outside,
    script: Option<Arc<Script>>,
}

impl Form {
    fn read(code: Code) -> Result<Self, String> {
        Ok(match code {
            Code::Wasm(bytes) => {
                let wasm = inspect::to_component(bytes)?;
                Self {
                    outside: inspect::outside(&wasm)?,
                    wasm: Some(wasm),
                    script: None,
                }
            }
            Code::Script(script) => Self {
                wasm: None,
                outside: script::runtime()?.outside.clone(),
                script: Some(script),
            },
        })
    }
}

fn check_settings(settings: &PluginSettings) -> Result<(), String> {
    let limits = &settings.limits;
    let (memory, tables) = Engine::HIGHEST;
    if limits.memory > memory {
        return Err(format!(
            "`limits.memory` is {} bytes; this server allows {memory}",
            limits.memory
        ));
    }
    if limits.tables > tables {
        return Err(format!(
            "`limits.tables` is {}; this server allows {tables}",
            limits.tables
        ));
    }
    if limits.instances == 0 || limits.calls_per_instance == 0 {
        return Err("`limits.instances` and `limits.calls_per_instance` must be 1 or more".into());
    }
    Ok(())
}

fn check_size(size: usize, plugin: &str, settings: &PluginSettings) -> Result<(), String> {
    let limit = settings.limits.component;
    if size <= limit {
        return Ok(());
    }
    // Read from disk, the file is cut after one byte too many: its size is not known. Plugins
    // in Python have about 18 MiB.
    let more = (limit >> 19).max(32);
    Err(format!(
        "the file has more than {limit} bytes, which is `limits.component`; build it in release \
         mode, strip it, or raise the limit, as plugins in Python need it: add \
         `component = \"{more} MiB\"` to [plugins.{plugin}.limits]"
    ))
}

fn exports(outside: &inspect::Outside) -> Result<Vec<Hook>, String> {
    if outside.lifts_async {
        return Err(
            "it exports async functions, which this server does not run; build it for \
                    wasm32-wasip2 with plain functions (no `async` in the bindings)"
                .into(),
        );
    }
    inspect::exported_hooks(outside)
}

/// The component that runs scripts: compiled once for all of them.
async fn compile_runtime(
    engine: &Engine,
    cache: Option<Arc<CompileCache>>,
) -> Result<(Component, bool), String> {
    let mut cached = true;
    let make = async || {
        let runtime = script::runtime()?;
        let wasm = runtime.component.to_vec();
        // It is the server's own, whatever the script's limits are.
        let limits = Limits::default();
        let (compiler, digest) = (engine.compiler(), runtime.digest);
        let compiled = compiler.component(engine.wasmtime(), cache, digest, wasm, &limits);
        let (component, found) = compiled.await?;
        cached = found;
        Ok::<_, String>(component)
    };
    let component = engine.scripts().get_or_try_init(make).await?.clone();
    Ok((component, cached))
}

fn mismatch(error: wasmtime::Error) -> String {
    format!(
        "it does not fit this server's interfaces: {error:#}. Build it against the server's `wit/`"
    )
}
