//! A plugin in this process: built if it has a source, and loaded as a server would, with
//! the settings that the config gives it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::build::build;
use super::project::Project;
use crate::cli::DEFAULT_CONFIG;
use crate::config::{PluginsAlone, is_plugin_name};
use crate::plugin::{
    CompileCache, Compiler, Engine, EngineSettings, Generation, LoadError, PluginSettings,
    load_alone,
};
use crate::plugin_config;

/// Instances at a time: one runs a fixture, one is kept from loading.
const INSTANCES: u32 = 16;

/// Which plugin, and with which settings.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The plugin's name, or its file (a component, a core module or a script)
    #[arg(value_name = "NAME|FILE")]
    plugin: String,
    /// The server's config file, for the plugin's settings; needs none
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

/// A plugin's file and what the config says of it.
pub(super) struct Local {
    pub name: String,
    pub file: PathBuf,
    pub bytes: Vec<u8>,
    pub settings: PluginSettings,
    stack: usize,
    /// The server's folder of compiled code; none without a config.
    cache: Option<PathBuf>,
}

impl Local {
    pub fn of(which: &Which) -> Result<Self> {
        let there = which.config.exists() || which.config != Path::new(DEFAULT_CONFIG);
        let config = there.then_some(which.config.as_path());
        let config_read = PluginsAlone::load(config).map_err(|errors| anyhow!("{errors}"))?;
        let (name, file) = if is_plugin_name(&which.plugin) {
            let name = which.plugin.clone();
            let project = Project::of(&which.config)?;
            let file = component_or_built(&project, &name)?;
            (name, file)
        } else {
            let file = PathBuf::from(&which.plugin);
            (name_of(&file)?, file)
        };
        let bytes = fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
        Ok(Self {
            settings: plugin_config::alone(&config_read, &name),
            stack: config_read.engine.stack,
            cache: config.map(|_| config_read.engine.cache),
            name,
            file,
            bytes,
        })
    }

    /// An engine for this plugin. With `counting` it counts instructions, and is slower.
    pub fn engine(&self, counting: bool) -> Result<Engine> {
        let settings = EngineSettings {
            instances: INSTANCES,
            stack: self.stack,
            fuel: counting,
        };
        Ok(Engine::new(settings, Compiler::in_this_process())?)
    }

    /// Loads it. What is compiled is kept where the server looks for it.
    pub async fn load(&self, engine: &Engine) -> Result<Generation, LoadError> {
        // Without its folder the compiler has more to do, that is all.
        let cache = self.cache.as_ref();
        let cache = cache.and_then(|folder| CompileCache::open(folder).ok());
        let (bytes, settings) = (self.bytes.clone(), self.settings.clone());
        load_alone(engine, cache, &self.name, bytes, settings).await
    }
}

/// A component that came without its source is taken as it is.
fn component_or_built(project: &Project, name: &str) -> Result<PathBuf> {
    match project.source(name) {
        Ok(_) => build(project, name),
        Err(_) if project.component(name).is_file() => Ok(project.component(name)),
        Err(error) => Err(error),
    }
}

/// The plugin that a file is named after. Compilers make underscores of dashes.
fn name_of(file: &Path) -> Result<String> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.replace('_', "-").to_lowercase();
    if !is_plugin_name(&name) {
        bail!(
            "{} can't be a plugin's file: name it with small letters, digits and dashes, and \
             .wasm, .js or .mjs",
            file.display()
        );
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_which_plugin_it_is() {
        let name = |file: &str| name_of(Path::new(file)).ok();
        assert_eq!(name("target/x/my_chat.wasm").as_deref(), Some("my-chat"));
        assert_eq!(name("./chat.js").as_deref(), Some("chat"));
        assert_eq!(name("./Grüße.js"), None);
    }
}
