//! `hookcast plugin new`: a plugin that works, to be changed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::embedded::{self, unpack, write};
use super::fixtures;
use super::project::{Project, module_name};
use crate::cli::{DEFAULT_CONFIG, plugin_name, print_line};

/// Start a plugin: its source, and a config if there is none yet
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The plugin's name, which its files and its config get
    #[arg(value_parser = plugin_name)]
    name: String,
    /// The language
    #[arg(long, short, value_enum)]
    lang: Language,
    /// The server's config file
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    Js,
    Python,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let name = &args.name;
    let project = Project::of(&args.config)?;
    if let Ok(source) = project.source(name) {
        bail!("there is a plugin `{name}` already ({source:?}); choose another name");
    }
    let main = match args.lang {
        Language::Js => script(&project, name)?,
        Language::Rust => rust(&project.plugins.join(name), name)?,
        Language::Python => python(&project.plugins.join(name), name)?,
    };
    print_line(format_args!("{}: change this", main.display()));
    fixtures(name)?;
    let built = !matches!(args.lang, Language::Js);
    let configured = config(args, &project, built)?;
    print_line("\nNext:");
    if built {
        print_line(format_args!("  hookcast plugin build {name}"));
    }
    if configured {
        print_line("  hookcast serve");
        print_line(format_args!(
            "  hookcast connect ws://127.0.0.1:8080/{name}"
        ));
    } else {
        let config = args.config.display();
        print_line(format_args!(
            "  add \"{name}\" to the `plugins` of an endpoint in {config}"
        ));
        print_line("  hookcast admin reload, if the server runs");
    }
    Ok(())
}

fn script(project: &Project, name: &str) -> Result<PathBuf> {
    let script = project.plugins.join(format!("{name}.js"));
    write(&script, filled(include_str!("template/hello.js"), name))?;
    write(&project.plugins.join("hookcast.d.ts"), embedded::TYPES)?;
    Ok(script)
}

fn rust(folder: &Path, name: &str) -> Result<PathBuf> {
    let manifest = include_str!("template/Cargo.toml");
    write(&folder.join("Cargo.toml"), filled(manifest, name))?;
    write(&folder.join(".gitignore"), "/target\n")?;
    unpack(&embedded::RUST, &folder.join("sdk/src"))?;
    write(
        &folder.join("sdk/Cargo.toml"),
        include_str!("template/sdk.toml"),
    )?;
    unpack(&embedded::WIT, &folder.join("wit"))?;
    let main = folder.join("src/lib.rs");
    write(&main, filled(include_str!("template/lib.rs"), name))?;
    Ok(main)
}

fn python(folder: &Path, name: &str) -> Result<PathBuf> {
    write(&folder.join(".gitignore"), "/.venv\n__pycache__\n")?;
    unpack(&embedded::PYTHON, &folder.join("sdk/hookcast"))?;
    unpack(&embedded::WIT, &folder.join("sdk/hookcast/wit"))?;
    let module = folder.join(format!("{}.py", module_name(name)));
    write(&module, filled(include_str!("template/hello.py"), name))?;
    Ok(module)
}

/// Examples of what `hookcast plugin test` runs.
fn fixtures(name: &str) -> Result<()> {
    let folder = fixtures::folder(name);
    let message = include_str!("template/message.json");
    write(&folder.join("message.json"), message)?;
    write(
        &folder.join("rejected.json"),
        include_str!("template/rejected.json"),
    )?;
    print_line(format_args!(
        "{}/: `hookcast plugin test {name}` runs them",
        folder.display()
    ));
    Ok(())
}

/// Writes a config unless there is one. Tells whether it did.
fn config(args: &Args, project: &Project, built: bool) -> Result<bool> {
    if args.config.exists() {
        return Ok(false);
    }
    let mut text = filled(include_str!("template/hookcast.toml"), &args.name);
    if matches!(args.lang, Language::Python) {
        text.push_str(&filled(include_str!("template/python.toml"), &args.name));
    }
    write(&args.config, text)?;
    print_line(format_args!(
        "{}: an endpoint /{} with it",
        args.config.display(),
        args.name
    ));
    if built {
        // The config names a plugin that is not built yet, in a folder that must exist.
        std::fs::create_dir_all(&project.plugins)?;
    }
    Ok(true)
}

fn filled(template: &str, name: &str) -> String {
    template.replace("{{name}}", name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::golden::repository;

    /// A plugin outside of the repository gets the same SDK, built from the same crates.
    #[test]
    fn the_sdk_of_a_new_plugin_has_the_versions_of_this_workspace() {
        let read = |path: PathBuf| -> toml::Table {
            let text = fs::read_to_string(&path).expect("a manifest");
            text.parse().expect("TOML")
        };
        let workspace = read(repository("Cargo.toml"));
        let sdk: toml::Table = include_str!("template/sdk.toml").parse().expect("TOML");
        let used = read(repository("guest-sdk/Cargo.toml"));
        let names: Vec<_> = used["dependencies"]
            .as_table()
            .expect("a table")
            .keys()
            .collect();
        let copied: Vec<_> = sdk["dependencies"]
            .as_table()
            .expect("a table")
            .keys()
            .collect();
        assert_eq!(copied, names);
        for name in names {
            let known = &workspace["workspace"]["dependencies"][name.as_str()];
            assert_eq!(&sdk["dependencies"][name.as_str()], known, "{name}");
        }
        let package = &workspace["workspace"]["package"];
        for key in ["version", "edition", "rust-version"] {
            assert_eq!(sdk["package"][key], package[key], "{key}");
        }
    }
}
