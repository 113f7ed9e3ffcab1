//! `[storage]` and `[storages.NAME]`: the databases.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::reader::{Section, Wrong};
use url::Url;

use super::value::Value;
use crate::filter::Database as DatabaseKind;
use crate::nearest::nearest;

/// Where rows and logs are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageConfig {
    pub url: StorageUrl,
    /// Most messages in one commit.
    pub group_limit: usize,
}

/// A database by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageUrl {
    /// A file; relative to the working directory.
    Sqlite(PathBuf),
    Server(ServerUrl),
}

/// A database on a server. Its password is in no message.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    pub kind: DatabaseKind,
    url: Url,
}

impl ServerUrl {
    /// The whole of it, password included.
    pub fn reveal(&self) -> &str {
        self.url.as_str()
    }

    pub fn user(&self) -> &str {
        self.url.username()
    }

    pub fn database(&self) -> &str {
        self.url.path().trim_start_matches('/')
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        // What can't be taken out is not there.
        let _ = shown.set_password(None);
        shown.set_query(None);
        f.write_str(shown.as_str())
    }
}

impl StorageUrl {
    pub fn kind(&self) -> DatabaseKind {
        match self {
            Self::Sqlite(_) => DatabaseKind::Sqlite,
            Self::Server(server) => server.kind,
        }
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl StorageConfig {
    pub(super) fn read(section: Section<'_>) -> Self {
        Self::read_named(section).0
    }

    /// And whether it has a URL that could be read.
    fn read_named(mut section: Section<'_>) -> (Self, bool) {
        let url = section.optional("url", url);
        let named = url.is_some();
        let config = Self {
            url: url.unwrap_or_else(|| StorageUrl::Sqlite("data/hookcast.db".into())),
            group_limit: section.read("group_limit", 1024, |value| value.whole(1..=65_536)),
        };
        section.finish();
        (config, named)
    }
}

/// The storages that endpoints may name.
pub(super) struct KnownStorages<'a> {
    default: &'a StorageConfig,
    named: &'a BTreeMap<String, StorageConfig>,
}

impl<'a> KnownStorages<'a> {
    pub fn new(default: &'a StorageConfig, named: &'a BTreeMap<String, StorageConfig>) -> Self {
        Self { default, named }
    }

    /// Reads an endpoint's `storage`.
    pub fn name(&self, value: &Value<'_>) -> Result<String, Wrong> {
        let name = value.text()?;
        if self.named.contains_key(&name) {
            return Ok(name);
        }
        let known: Vec<_> = self.named.keys().map(String::as_str).collect();
        let remedy = match (nearest(&name, known.iter().copied()), known.is_empty()) {
            (Some(near), _) => format!("did you mean {near:?}?"),
            (None, true) => format!("add [storages.{name}], or leave `storage` out"),
            (None, false) => format!(
                "there are {}; without `storage` it is [storage]",
                known.join(", ")
            ),
        };
        Err(Wrong::new(
            format!("is {name:?}, which is no storage"),
            remedy,
        ))
    }

    /// The one of this name, or the default.
    pub fn get(&self, name: Option<&str>) -> &'a StorageConfig {
        let named = name.and_then(|name| self.named.get(name));
        named.unwrap_or(self.default)
    }
}

/// Reads the storages that have names, and checks that no two are the same database.
pub(super) fn read_named(
    mut section: Section<'_>,
    default: &StorageConfig,
) -> BTreeMap<String, StorageConfig> {
    let mut storages: BTreeMap<String, StorageConfig> = BTreeMap::new();
    for (name, value) in section.take_named() {
        let (reading, key_at) = (value.reading, value.key_at);
        if !is_name(&name) {
            let what = format!("{name:?} can't be a storage's name");
            let remedy = "use at most 63 letters, digits, `_` and `-`, but not `storage`";
            reading.report(key_at, what, remedy);
        }
        let inner = value.into_section();
        let (key, at) = (inner.key.clone(), inner.place_of("url"));
        if !inner.has("url") {
            let what = format!("`{key}` has no url");
            reading.report(at, what, "add url = \"sqlite://data/NAME.db\"");
        }
        let (config, named) = StorageConfig::read_named(inner);
        let same = || {
            let others = storages.iter().map(|(name, other)| (&**name, other));
            let mut others = others.chain([("storage", default)]);
            let found = others.find(|(_, other)| named && other.url == config.url);
            found.map(|(name, _)| name.to_owned())
        };
        if let Some(other) = same() {
            let what = format!("`{key}.url` is the database of `{other}`, too");
            let remedy = "name another, or use that one: a database has one writer";
            reading.report(at, what, remedy);
        }
        storages.insert(name, config);
    }
    section.finish();
    storages
}

/// Storages' names stand in dotted keys, logs and metrics, beside that of `[storage]`.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(inner) && name != "storage"
}

fn url(value: &Value<'_>) -> Result<StorageUrl, Wrong> {
    let example = "write \"sqlite://data/hookcast.db\" (three slashes for an absolute path)";
    // The URL is not repeated in messages: other schemes carry passwords.
    let text = value.text()?;
    let Some((scheme, path)) = text.split_once("://") else {
        return Err(Wrong::new("is not a URL", example));
    };
    let kind = match scheme {
        "sqlite" => DatabaseKind::Sqlite,
        "postgres" | "postgresql" => DatabaseKind::Postgres,
        "mysql" | "mariadb" => DatabaseKind::MySql,
        _ => {
            return Err(Wrong::new(
                format!("has the scheme `{scheme}`, which this version does not know"),
                "use sqlite://, postgres:// or mysql:// (also for MariaDB)",
            ));
        }
    };
    if kind != DatabaseKind::Sqlite {
        return server_url(kind, &text).map(StorageUrl::Server);
    }
    if path.contains(":memory:") {
        return Err(Wrong::new(
            "asks for a database in memory, which would lose what was acknowledged",
            "name a file, or set `durability = \"ephemeral\"` on endpoints that need none",
        ));
    }
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '#', '\0']) {
        return Err(Wrong::new("does not name a plain file", example));
    }
    Ok(StorageUrl::Sqlite(path.into()))
}

fn server_url(kind: DatabaseKind, text: &str) -> Result<ServerUrl, Wrong> {
    let (scheme, options): (_, &[&str]) = match kind {
        DatabaseKind::MySql => (
            "mysql",
            &[
                "ssl-mode",
                "ssl-ca",
                "ssl-cert",
                "ssl-key",
                "socket",
                "charset",
                "collation",
            ],
        ),
        _ => (
            "postgres",
            &[
                "sslmode",
                "sslrootcert",
                "sslcert",
                "sslkey",
                "host",
                "port",
                "options",
            ],
        ),
    };
    let example = format!("write \"{scheme}://USER:${{PASSWORD}}@HOST/DATABASE\"");
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let url = Url::parse(&format!("{scheme}://{rest}"));
    let url = url.map_err(|error| {
        let what = format!("is no URL ({error})");
        let remedy = format!("{example}; in a password, % is %25, @ is %40, / is %2F");
        Wrong::new(what, remedy)
    })?;
    let url = ServerUrl { kind, url };
    if url.url.host_str().is_none_or(str::is_empty) {
        return Err(Wrong::new("names no host", example));
    }
    if url.user().is_empty() {
        return Err(Wrong::new("names no user", example));
    }
    if url.database().is_empty() || url.database().contains('/') {
        return Err(Wrong::new("names no database", example));
    }
    if let Some((key, _)) = url
        .url
        .query_pairs()
        .find(|(key, _)| !options.contains(&&**key))
    {
        return Err(Wrong::new(
            format!("has the option `{key}`, which means nothing here"),
            format!("there are {}", options.join(", ")),
        ));
    }
    Ok(url)
}
