//! `[plugins]`: where plugins are, and what each may do and use.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::engine::{EngineConfig, folder};
use super::limits::PluginLimits;
use super::reader::{Section, Wrong};
use super::value::{Value, quoted_list};
use crate::nearest::nearest;
use crate::plugin::{Grant, Isolation, NoGrant, ONE_FILE, ProbationRule, file_of, plugin_of};

/// The plugins folder and the plugins' settings.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginsConfig {
    /// Folder of the plugins' files, relative to the working directory.
    pub dir: PathBuf,
    /// Failed calls of each plugin that are kept as fixtures; 0 for none.
    pub failures: usize,
    /// Folder of generations that were live, for rollbacks.
    pub archive: PathBuf,
    /// Generations of a plugin that are kept there, the live one among them.
    pub keep: usize,
    /// Load files when they change.
    pub watch: bool,
    /// Plugins that have a table; see [`Self::of`] for the others.
    pub by_name: BTreeMap<String, PluginConfig>,
    /// Settings of the others.
    usual: PluginConfig,
}

/// One plugin's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginConfig {
    /// What it may do beyond its own connection, in the order of the file.
    pub grants: Vec<Grant>,
    pub isolation: Isolation,
    /// What it reads through `wasi:config`.
    pub config: BTreeMap<String, String>,
    pub limits: PluginLimits,
    pub probation: ProbationRule,
}

impl PluginsConfig {
    pub(super) fn read(mut section: Section<'_>, engine: &EngineConfig) -> Self {
        let dir = section.read("dir", "plugins".into(), folder);
        let failures = section.read("failures", 20, |value| value.whole(0..=10_000));
        let archive = section.read("archive", "data/plugins".into(), folder);
        let keep = section.read("keep", 10, |value| value.whole(2..=1_000));
        let watch = section.read("watch", false, Value::flag);
        let mut by_name = BTreeMap::new();
        for (name, value) in section.take_named() {
            if let Err(wrong) = check_name(&name) {
                let what = format!("`{name}` {}", wrong.what);
                value.reading.report(value.key_at, what, wrong.remedy);
            }
            by_name.insert(name, PluginConfig::read(value.into_section(), engine));
        }
        section.finish();
        Self {
            dir,
            failures,
            archive,
            keep,
            watch,
            by_name,
            usual: PluginConfig::usual(engine),
        }
    }

    /// A plugin's settings: its table's, or the defaults.
    pub fn of(&self, name: &str) -> PluginConfig {
        self.by_name.get(name).unwrap_or(&self.usual).clone()
    }

    /// Names of the plugins in the folder, sorted. Files whose name can't be a plugin's
    /// are passed over: editors and build tools leave such files behind.
    pub fn in_folder(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.read_dir()? {
            let path = entry?.path();
            let name = plugin_of(&path).filter(|name| check_name(name).is_ok());
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        // A plugin with several files is one plugin, and refused where it is used.
        names.dedup();
        Ok(names)
    }

    /// Whether a generation of the plugin is kept in the archive.
    fn was_live(&self, name: &str) -> bool {
        self.archive.join(name).is_dir()
    }

    /// Reads a plugin's name in an endpoint; its file must be there, and be the only one.
    pub(super) fn installed(
        &self,
        value: &Value<'_>,
        found: &io::Result<Vec<String>>,
    ) -> Result<String, Wrong> {
        let name = value.text()?;
        check_name(&name)?;
        let file = file_of(&self.dir, &name)
            .map_err(|several| Wrong::new(format!("names {name:?}, but {several}"), ONE_FILE))?;
        let names = match found {
            Ok(names) if names.contains(&name) => return Ok(name),
            // What was live before stands in for it.
            Ok(_) if self.was_live(&name) => return Ok(name),
            Ok(names) => names,
            Err(error) => {
                return Err(Wrong::new(
                    format!(
                        "names {name:?}, but the folder {} can't be read ({error})",
                        self.dir.display()
                    ),
                    "create it and put the plugin there, or set `plugins.dir`",
                ));
            }
        };
        let what = format!(
            "names {name:?}, but there is no {} (or {name}.js)",
            file.display()
        );
        let remedy = match nearest(&name, names.iter().map(String::as_str)) {
            _ if names.is_empty() => "the folder has no plugins yet; build it there".to_owned(),
            Some(near) => format!("did you mean {near:?}? there is {}", quoted_list(names)),
            None => format!("build it there; so far there is {}", quoted_list(names)),
        };
        Err(Wrong::new(what, remedy))
    }
}

impl PluginConfig {
    /// What a plugin without a table has.
    fn usual(engine: &EngineConfig) -> Self {
        Self {
            grants: Vec::new(),
            isolation: Isolation::default(),
            config: BTreeMap::new(),
            limits: PluginLimits::usual(&engine.caps),
            probation: ProbationRule::default(),
        }
    }

    fn read(mut section: Section<'_>, engine: &EngineConfig) -> Self {
        let grants = section.list("grants", grant);
        let isolation = section.read("isolation", Isolation::Warm, |value| {
            value.choice(&[("warm", Isolation::Warm), ("per-call", Isolation::PerCall)])
        });
        let config = read_settings(section.section("config"));
        let limits = PluginLimits::read(section.section("limits"), engine);
        let probation = read_probation(section.section("probation"));
        section.finish();
        Self {
            grants: grants.unwrap_or_default(),
            isolation,
            config,
            limits,
            probation,
        }
    }
}

/// `[plugins.NAME.probation]`: how a new generation is watched after its swap.
fn read_probation(mut section: Section<'_>) -> ProbationRule {
    let usual = ProbationRule::default();
    let time = Duration::ZERO..=Duration::from_secs(24 * 60 * 60);
    let rule = ProbationRule {
        time: section.read("time", usual.time, |value| value.duration(time)),
        errors: section.read("errors", usual.errors, Value::share),
        calls: section.read("calls", usual.calls, |value| value.whole(1..=1_000_000)),
    };
    section.finish();
    rule
}

fn grant(value: &Value<'_>) -> Result<Grant, Wrong> {
    let text = value.text()?;
    Grant::parse(&text).map_err(|error| match error {
        NoGrant::Unknown => value.unknown(&text, Grant::FORMS),
        NoGrant::Wrong(problem) => {
            Wrong::new(format!("is {text:?}, which can't be granted"), problem)
        }
    })
}

/// The plugin's own settings. The guest gets texts; numbers and booleans may be written
/// as such.
fn read_settings(mut section: Section<'_>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for (name, value) in section.take_named() {
        use toml::de::DeValue;
        let text = match value.raw {
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            DeValue::String(_) => value.text(),
            _ => Err(value.is_not("a text", "plugins get texts; write it in quotes")),
        };
        match text {
            Ok(text) => {
                settings.insert(name, text);
            }
            Err(wrong) => value.reading.report_value(&value, wrong),
        }
    }
    section.finish();
    settings
}

/// Plugin names become file names and parts of URLs.
fn check_name(name: &str) -> Result<(), Wrong> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.starts_with(plain) && name.len() <= 63 && name.chars().all(|c| plain(c) || c == '-') {
        return Ok(());
    }
    Err(Wrong::new(
        format!("has {name:?}, which can't be a plugin's name"),
        "use at most 63 small letters, digits and dashes, the first no dash",
    ))
}

/// Whether a text can be a plugin's name; the admin API asks before it writes a file.
pub fn is_plugin_name(name: &str) -> bool {
    check_name(name).is_ok()
}
