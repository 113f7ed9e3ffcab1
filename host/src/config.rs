//! The config file: read once, checked whole, typed.
//!
//! [`Config::load`] either gives a config that the server can start with or every error
//! of the file, each with its place and remedy. `config/reference.toml` lists all keys;
//! a test keeps it complete. Relative paths are relative to the working directory, not
//! to the file, so that `hookcast serve --config config/hookcast.toml` run in the root
//! of a project finds `plugins/` and `data/` there.

mod admin;
mod alert;
mod alerts;
mod alone;
mod auth;
mod column_default;
mod columns;
mod endpoint;
mod engine;
mod environment;
mod errors;
mod expression;
mod limits;
mod mail;
mod message_default;
mod methods;
mod open;
mod path;
mod plugins;
mod queue;
mod rate;
mod reader;
mod restart;
mod retention;
mod secret;
mod server;
mod storage;
#[cfg(test)]
mod tests;
mod units;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::plugin::{Grant, files_of};

pub use admin::AdminConfig;
pub use alert::{AlertConfig, MailAlert, MailImage, WebhookConfig};
pub use alerts::AlertsConfig;
pub use alone::PluginsAlone;
pub use auth::{AuthConfig, EndpointAuth, JwtConfig, ProxyConfig, SameSitePolicy, SessionConfig};
pub use endpoint::{Dialect, Durability, EndpointConfig, History};
pub use engine::EngineConfig;
pub use errors::{ConfigError, ConfigErrors, Place};
pub use limits::PluginLimits;
pub use mail::{MailConfig, MailKind, MailTls, SmtpServer};
pub use message_default::MessageDefaults;
pub use methods::Methods;
pub use open::OpenArgs;
pub use plugins::{PluginConfig, PluginsConfig, is_plugin_name};
pub use queue::QueueConfig;
pub use rate::{Rate, RateConfig};
pub use retention::Retention;
pub use secret::Secret;
pub use server::ServerConfig;
pub use storage::{ServerUrl, StorageConfig, StorageUrl};
pub use units::{duration, show_duration, show_size};

use path::Paths;
use reader::{Environment, Reading, Section, Wrong};
use storage::KnownStorages;

/// A checked config. Two are equal when they configure the same, wherever it is written.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub admin: AdminConfig,
    pub auth: AuthConfig,
    pub storage: StorageConfig,
    /// Those that have names, besides `storage`.
    pub storages: BTreeMap<String, StorageConfig>,
    pub engine: EngineConfig,
    pub plugins: PluginsConfig,
    pub alerts: AlertsConfig,
    /// Mail services by name.
    pub mail: BTreeMap<String, MailConfig>,
    /// By name.
    pub endpoints: BTreeMap<String, EndpointConfig>,
    origin: Origin,
}

/// Where the config was read.
#[derive(Debug, Clone)]
struct Origin {
    file: PathBuf,
    places: BTreeMap<String, Place>,
}

impl Config {
    /// Reads a file with the process's environment.
    pub fn load(file: &Path) -> Result<Self, ConfigErrors> {
        // A variable that is not UTF-8 counts as not set.
        Self::parse(&text_of(file)?, file, &|name| std::env::var(name).ok())
    }

    /// Reads a file's text. Looks into the plugins folder, at nothing else.
    fn parse(text: &str, file: &Path, environment: Environment<'_>) -> Result<Self, ConfigErrors> {
        let read = |root: Section<'_>| Self::read(root, file);
        let (mut config, places) = read_text(text, file, environment, read)?;
        config.origin.places = places;
        Ok(config)
    }

    fn read(mut root: Section<'_>, file: &Path) -> Self {
        let server = ServerConfig::read(root.section("server"));
        let admin = AdminConfig::read(root.section("admin"), &server);
        let auth = AuthConfig::read(root.section("auth"));
        let storage = StorageConfig::read(root.section("storage"));
        let storages = storage::read_named(root.section("storages"), &storage);
        let engine = EngineConfig::read(root.section("engine"));
        let plugins = PluginsConfig::read(root.section("plugins"), &engine);
        let alerts = AlertsConfig::read(root.section("alerts"));
        let mail = mail::read_mail(root.section("mail"));
        let services: Vec<_> = mail.keys().map(String::as_str).collect();
        let endpoints = read_endpoints(
            root.section("endpoints"),
            &server,
            &auth,
            &plugins,
            &services,
            &KnownStorages::new(&storage, &storages),
        );
        root.finish();
        Self {
            server,
            admin,
            auth,
            storage,
            storages,
            engine,
            plugins,
            alerts,
            mail: mail
                .into_iter()
                .filter_map(|(name, service)| Some((name, service?)))
                .collect(),
            endpoints,
            origin: Origin {
                file: file.to_owned(),
                places: BTreeMap::new(),
            },
        }
    }

    /// What is no error but hardly meant, as `file:line:column: what; remedy`.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings_of_plugins();
        for (name, plugin) in &self.plugins.by_name {
            for grant in &plugin.grants {
                if let Grant::Publish(endpoint) = grant
                    && !self.endpoints.contains_key(endpoint)
                {
                    warnings.push(format!(
                        "{}: `publish:{endpoint}` is granted, but there is no such endpoint; \
                         check the name, or remove the grant",
                        self.place(&format!("plugins.{name}.grants")),
                    ));
                }
            }
        }
        warnings
    }

    fn warnings_of_plugins(&self) -> Vec<String> {
        let unread = self.plugins.by_name.keys();
        let unread = unread.filter(|name| files_of(&self.plugins.dir, name).is_empty());
        let warning = |name: &String| {
            let key = format!("plugins.{name}");
            let file = self.plugins.dir.join(format!("{name}.wasm"));
            format!(
                "{}: `{key}` has settings, but there is no {} (or {name}.js); check the name, or \
                 add the plugin",
                self.place(&key),
                file.display()
            )
        };
        unread.map(warning).collect()
    }

    /// The file that the config was read from.
    pub fn file(&self) -> &Path {
        &self.origin.file
    }

    /// Where a key stands, as `file:line:column`, for errors that show only later: a
    /// database that can't be opened, a plugin that does not load. An absent key is
    /// where its section is.
    pub fn place(&self, key: &str) -> String {
        let file = self.origin.file.display();
        let mut key = key;
        loop {
            if let Some(place) = self.origin.places.get(key) {
                return format!("{file}:{place}");
            }
            match key.rsplit_once('.') {
                Some((section, _)) => key = section,
                None => return file.to_string(),
            }
        }
    }
}

/// Reads a text, and where its keys are; or every error of it.
fn read_text<T>(
    text: &str,
    file: &Path,
    environment: Environment<'_>,
    read: impl FnOnce(Section<'_>) -> T,
) -> Result<(T, BTreeMap<String, Place>), ConfigErrors> {
    let reading = Reading::new(text, environment);
    let (table, syntax_errors) = DeTable::parse_recoverable(text);
    if !syntax_errors.is_empty() {
        for error in syntax_errors {
            let byte = error.span().map_or(0, |span| span.start);
            reading.report(byte, error.message(), "see https://toml.io for the syntax");
        }
        // What could be recovered would only lead to errors of errors.
        return Err(reading.into_errors(file));
    }
    let read = read(Section::root(&reading, table.get_ref()));
    Ok((read, reading.finish(file)?))
}

/// The file's text.
fn text_of(file: &Path) -> Result<String, ConfigErrors> {
    let text = std::fs::read(file).map_err(|error| {
        let what = format!("the config can't be read: {error}");
        ConfigErrors::unreadable(file, what, "name the file")
    })?;
    String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let what = format!("the config is not UTF-8 (byte {at})");
        ConfigErrors::unreadable(file, what, "save it as UTF-8")
    })
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart so that a new field can't be forgotten.
        let Self {
            server,
            admin,
            auth,
            storage,
            storages,
            engine,
            plugins,
            alerts,
            mail,
            endpoints,
            origin: _,
        } = self;
        *server == other.server
            && *admin == other.admin
            && *auth == other.auth
            && *storage == other.storage
            && *storages == other.storages
            && *engine == other.engine
            && *plugins == other.plugins
            && *alerts == other.alerts
            && *mail == other.mail
            && *endpoints == other.endpoints
    }
}

/// Reads all endpoints and checks that they don't get into each other's way.
fn read_endpoints(
    mut section: Section<'_>,
    server: &ServerConfig,
    auth: &AuthConfig,
    plugins: &PluginsConfig,
    services: &[&str],
    storages: &KnownStorages<'_>,
) -> BTreeMap<String, EndpointConfig> {
    let reading = section.reading;
    let found = plugins.in_folder();
    let mut endpoints = BTreeMap::new();
    let mut paths = Paths::default();
    // By storage, and by their names in small letters, which is how databases compare them.
    let mut tables: BTreeMap<(Option<String>, String), String> = BTreeMap::new();
    for (name, value) in section.take_named() {
        if !is_endpoint_name(&name) {
            let what = format!("{name:?} can't be an endpoint's name");
            let remedy = "use at most 63 letters, digits, `_` and `-`, the first a letter or digit";
            reading.report(value.key_at, what, remedy);
        }
        let inner = value.into_section();
        let path_at = inner.place_of("path");
        let table_at = inner.place_of("table");
        let auth_at = inner.place_of("auth");
        let endpoint = EndpointConfig::read(&name, inner, plugins, &found, services, storages);
        auth.check(&endpoint.auth, &name, reading, auth_at);

        let path = endpoint.path.as_str();
        let conflict = match path {
            // Already reported.
            "" => Ok(()),
            "/" if server.page => Err(Wrong::new(
                "is \"/\", where `server.page` has the page",
                "choose another path, or set `page = false`",
            )),
            _ => paths.add(path, &name),
        };
        if let Err(wrong) = conflict {
            let what = format!("`endpoints.{name}.path` {}", wrong.what);
            reading.report(path_at, what, wrong.remedy);
        }
        if let Some(table) = &endpoint.table {
            let place = (endpoint.storage.clone(), table.name.to_ascii_lowercase());
            let other = tables.insert(place, name.clone());
            if let Some(other) = other {
                let what = format!(
                    "`endpoints.{name}` has the table {:?}, which `endpoints.{other}` has too",
                    table.name
                );
                let remedy = "give each endpoint its own with `table`";
                reading.report(table_at, what, remedy);
            }
        }
        endpoints.insert(name, endpoint);
    }
    if endpoints.is_empty() {
        let what = "there is no endpoint, so nothing to serve";
        reading.report(
            section.at,
            what,
            "add [endpoints.chat] with path = \"/chat\"",
        );
    }
    section.finish();
    endpoints
}

/// Endpoint names stand in URLs, metrics and dotted keys.
fn is_endpoint_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 63
        && name.chars().all(inner)
}
