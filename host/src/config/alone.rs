//! What a config says of plugins, read by itself: for tools that run one plugin in their own
//! process. An error elsewhere in the file, such as an endpoint with a plugin that is not
//! built yet, is not in their way.

use std::path::Path;

use super::engine::EngineConfig;
use super::errors::ConfigErrors;
use super::plugins::PluginsConfig;
use super::reader::Section;
use super::{read_text, text_of};

/// `[engine]` and `[plugins]` of a config file.
#[derive(Debug, Clone)]
pub struct PluginsAlone {
    pub engine: EngineConfig,
    pub plugins: PluginsConfig,
}

impl PluginsAlone {
    /// Reads a file with the process's environment; without one, what holds unless a config
    /// says otherwise.
    ///
    /// # Errors
    /// The file can't be read, or one of the two tables is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigErrors> {
        let (text, file) = match file {
            Some(file) => (text_of(file)?, file),
            None => (String::new(), Path::new("")),
        };
        let read = |mut root: Section<'_>| {
            let engine = EngineConfig::read(root.section("engine"));
            let plugins = PluginsConfig::read(root.section("plugins"), &engine);
            Self { engine, plugins }
        };
        let environment = |name: &str| std::env::var(name).ok();
        Ok(read_text(&text, file, &environment, read)?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tables_are_not_in_the_way() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("hookcast.toml");
        let text = "[plugins.chat]\ngrants = ['kv']\n\
                    [endpoints.chat]\npath = '/chat'\nplugins = ['chat']\nnonsense = 1\n";
        std::fs::write(&file, text).expect("a written file");
        let alone = PluginsAlone::load(Some(&file)).expect("two tables without errors");
        assert_eq!(alone.plugins.of("chat").grants.len(), 1);
        std::fs::write(&file, "[plugins.chat]\ngrants = ['all']\n").expect("a written file");
        let errors = PluginsAlone::load(Some(&file)).expect_err("no such grant");
        assert!(errors.to_string().contains("hookcast.toml:2:"), "{errors}");
        assert!(PluginsAlone::load(None).is_ok());
    }
}
