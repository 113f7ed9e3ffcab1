//! Where a plugin's source is, and in which language.
//!
//! A script is `plugins/NAME.js` or `.mjs` and needs no build. Anything else has a folder
//! `plugins/NAME/` and is built into `plugins/NAME.wasm`: with a `Cargo.toml` it is Rust,
//! with a `NAME.py` it is Python.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cli::DEFAULT_CONFIG;

/// A plugin's source.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    Script(PathBuf),
    /// The folder with the `Cargo.toml`.
    Rust(PathBuf),
    /// The module.
    Python(PathBuf),
}

/// The plugins of one server.
pub(super) struct Project {
    /// The plugins folder.
    pub plugins: PathBuf,
}

impl Project {
    /// Of the server that this config is for. Of the config nothing is needed but
    /// `plugins.dir`, so that a plugin can be built which the config names already and
    /// would otherwise miss.
    pub fn of(config: &Path) -> Result<Self> {
        let text = match fs::read_to_string(config) {
            Ok(text) => text,
            Err(_) if config == Path::new(DEFAULT_CONFIG) => String::new(),
            Err(error) => bail!("can't read {}: {error}", config.display()),
        };
        let table: toml::Table = text.parse().unwrap_or_default();
        let folder = table
            .get("plugins")
            .and_then(|plugins| plugins.get("dir")?.as_str());
        Ok(Self {
            plugins: folder.unwrap_or("plugins").into(),
        })
    }

    /// The component that a build makes.
    pub fn component(&self, name: &str) -> PathBuf {
        self.plugins.join(format!("{name}.wasm"))
    }

    /// A plugin's source; an error that says where it was looked for.
    pub fn source(&self, name: &str) -> Result<Source> {
        for extension in ["js", "mjs"] {
            let script = self.plugins.join(format!("{name}.{extension}"));
            if script.is_file() {
                return Ok(Source::Script(script));
            }
        }
        let folder = self.plugins.join(name);
        let module = folder.join(format!("{}.py", module_name(name)));
        if folder.join("Cargo.toml").is_file() {
            return Ok(Source::Rust(folder));
        }
        if module.is_file() {
            return Ok(Source::Python(module));
        }
        bail!(
            "there is no source of `{name}`: neither {folder}.js, nor a Cargo.toml or {file} in \
             {folder}/; `hookcast plugin new {name} --lang rust|js|python` makes one",
            folder = folder.display(),
            file = module.file_name().unwrap_or_default().display(),
        )
    }
}

/// A plugin's name as a Python module: modules have no dashes.
pub(super) fn module_name(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_found_by_its_form() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = Project {
            plugins: folder.path().to_owned(),
        };
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "").expect("written");
            path
        };
        let script = file("greet.js");
        let module = file("say-it/say_it.py");
        file("chat/Cargo.toml");
        assert_eq!(project.source("greet").ok(), Some(Source::Script(script)));
        assert_eq!(project.source("say-it").ok(), Some(Source::Python(module)));
        let rust = Source::Rust(folder.path().join("chat"));
        assert_eq!(project.source("chat").ok(), Some(rust));
        let error = project.source("nobody").expect_err("nothing there");
        assert!(error.to_string().contains("plugin new nobody"), "{error}");
    }
}
