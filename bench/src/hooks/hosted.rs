//! The whole path of the host: pool, limits, deadline, effects and statistics, as a message of a
//! connection takes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use hookcast::effects::Effects;
use hookcast::plugin::{
    CallContext, CompileCache, Compiler, Engine, EngineSettings, Generation, Isolation, Limits,
    LoadReport, PluginSettings, Plugins,
};
use tempfile::TempDir;

use super::Args;
use super::room::Room;

/// A component in Python has about 18 MiB.
const COMPONENT: usize = 32 << 20;
/// Instances besides those that are kept warm.
const OTHERS: u32 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    Rust,
    JavaScript,
    Python,
}

impl Guest {
    const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    fn file(self, args: &Args) -> &Path {
        match self {
            Self::Rust => &args.plugin,
            Self::JavaScript => &args.javascript,
            Self::Python => &args.python,
        }
    }

    /// The name of the plugin whose instances serve one call each.
    fn fresh(self) -> String {
        format!("{}-fresh", self.name())
    }
}

/// The plugins, loaded.
pub struct Hosted {
    plugins: Plugins,
    context: CallContext,
    /// The plugins folder: it is read while plugins are loaded.
    _folder: TempDir,
}

impl Hosted {
    /// Loads every guest that there is a file of, warm and fresh.
    pub async fn load(args: &Args) -> Result<Self> {
        let folder = tempfile::tempdir_in(&args.dir).context("make a plugins folder")?;
        let mut settings = BTreeMap::new();
        for guest in Guest::ALL {
            let file = guest.file(args);
            if guest == Guest::Python && !file.exists() {
                continue;
            }
            let extension = file.extension().unwrap_or_default();
            let names = [
                (guest.name().to_owned(), Isolation::Warm),
                (guest.fresh(), Isolation::PerCall),
            ];
            for (name, isolation) in names {
                let copy = folder.path().join(&name).with_extension(extension);
                fs::copy(file, copy).with_context(|| format!("copy {}", file.display()))?;
                let limits = Limits {
                    component: COMPONENT,
                    ..Limits::default()
                };
                let plugin = PluginSettings {
                    limits,
                    isolation,
                    ..PluginSettings::default()
                };
                settings.insert(name, plugin);
            }
        }
        let engine = EngineSettings {
            instances: args.instances + OTHERS,
            ..EngineSettings::default()
        };
        let engine = Engine::new(engine, Compiler::in_this_process())?;
        let cache = CompileCache::open(args.dir.join("hooks-cache")).context("open the cache")?;
        let plugins = Plugins::new(engine, folder.path(), Some(cache), settings);
        for loaded in plugins.load_folder().await? {
            loaded?;
        }
        Ok(Self {
            plugins,
            context: Room::context(),
            _folder: folder,
        })
    }

    pub fn has(&self, guest: Guest) -> bool {
        self.plugins.handle(guest.name()).is_some()
    }

    /// A guest, or the one of which each call gets an instance of its own.
    pub fn generation(&self, guest: Guest, fresh: bool) -> Result<Arc<Generation>> {
        let name = if fresh {
            guest.fresh()
        } else {
            guest.name().to_owned()
        };
        let handle = self.plugins.handle(&name);
        let current = handle.and_then(|handle| handle.current());
        current.with_context(|| format!("the plugin `{name}` is not loaded"))
    }

    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// How each guest was loaded.
    pub fn reports(&self) -> Vec<(&'static str, LoadReport)> {
        let report = |guest: Guest| {
            let generation = self.generation(guest, false).ok()?;
            Some((guest.name(), generation.report().clone()))
        };
        Guest::ALL.into_iter().filter_map(report).collect()
    }
}

/// One call of `prepare`, as the judge makes it.
pub async fn call(generation: &Generation, context: &CallContext, message: &str) -> Result<()> {
    let mut effects = Effects::default();
    let output = generation.prepare(context, message, &mut effects).await?;
    output.context("the hook changed nothing").map(drop)
}
