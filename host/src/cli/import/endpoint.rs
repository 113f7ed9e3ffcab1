//! One MessageHandler entry: `url: NAME: {pattern, handler, kwargs}`.

use super::mail::Service;
use super::notes::Notes;
use super::toml::Lines;
use super::yaml::Entry;
use super::{address, alert, auth, columns, hooks};

/// Keys that are read before others: these go by them.
const FIRST: [&str; 2] = ["table", "columns"];

/// Keys that Gramex takes from any handler and that mean nothing to a MessageHandler here.
const ELSEWHERE: [(&str, &str); 8] = [
    (
        "cors",
        "list the pages that may connect in `server.origins`",
    ),
    ("error", "errors are frames, or problem details over HTTP"),
    ("headers", "set them in the proxy in front"),
    ("log", "the log is the server's; `/metrics` has the figures"),
    ("redirect", "a WebSocket is not redirected"),
    ("transform", "a plugin's `prepare` and `modify` do that"),
    ("validate", "a plugin's `prepare` does that"),
    (
        "xsrf_cookies",
        "pages of other origins can't connect anyway; see `server.origins`",
    ),
];

/// An entry as an endpoint.
#[derive(Debug)]
pub struct Endpoint {
    pub name: String,
    pub path: String,
    pub table: String,
    /// Its name in the YAML, and where.
    pub from: String,
    pub line: usize,
    pub toml: Lines,
    pub notes: Notes,
    /// Hooks for what the config can't say, in JavaScript.
    pub sketch: Vec<String>,
    /// The database's URL, with its line.
    pub database: Option<(String, usize)>,
    /// Connections need a known user.
    pub known_users: bool,
    /// Messages cause mails.
    pub alerts: bool,
    /// Columns that the config has, but for those of every table.
    pub columns: Vec<String>,
}

/// What an endpoint is read beside.
pub struct Others<'a> {
    pub endpoints: &'a [Endpoint],
    pub services: &'a [Service],
}

impl Endpoint {
    pub fn read(entry: &Entry, others: &Others<'_>) -> Self {
        let taken: Vec<_> = others.endpoints.iter().map(|e| e.name.clone()).collect();
        let (from, _) = entry.key.split_once(" if ").unwrap_or((&entry.key, ""));
        let mut endpoint = Self {
            from: entry.key.clone(),
            line: entry.line,
            toml: Lines::default(),
            notes: Notes::default(),
            sketch: Vec::new(),
            database: None,
            known_users: false,
            alerts: false,
            name: address::name(from, &taken),
            path: String::new(),
            table: String::new(),
            columns: Vec::new(),
        };
        endpoint.find_path(entry, others);
        endpoint.find_table(entry, others);
        for key in entry.node.entries() {
            match key.key.as_str() {
                "pattern" | "handler" => {}
                "kwargs" => {
                    let mut keys: Vec<_> = key.node.entries().iter().collect();
                    let rank = |key: &&Entry| FIRST.iter().position(|first| *first == key.key);
                    keys.sort_by_key(|key| rank(key).unwrap_or(FIRST.len()));
                    for key in keys {
                        endpoint.keyword(key, others);
                    }
                }
                other => {
                    let what = format!("`{other}`, which Gramex gives to its router");
                    endpoint.notes.no_equivalent(key.line, what);
                }
            }
        }
        if !endpoint.sketch.is_empty() {
            let plugins = format!("plugins = [\"{}\"]", endpoint.plugin());
            let what = format!(
                "When plugins/{}.js is written: {plugins}",
                endpoint.plugin()
            );
            endpoint.toml.comment(&what);
        }
        endpoint
    }

    /// Name of the plugin that its sketch is for.
    pub fn plugin(&self) -> String {
        let letter = |c: char| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        };
        self.name.chars().map(letter).collect()
    }

    fn find_path(&mut self, entry: &Entry, others: &Others<'_>) {
        let pattern = entry.node.get("pattern");
        self.path = address::path(pattern, &self.name, entry.line, &mut self.notes);
        if others.endpoints.iter().any(|other| other.path == self.path) {
            let what = format!(
                "the path {} is another endpoint's already; this one's is /{}",
                self.path, self.name
            );
            self.notes.check(entry.line, what);
            self.path = format!("/{}", self.name);
        }
        self.toml.text("path", &self.path);
    }

    fn find_table(&mut self, entry: &Entry, others: &Others<'_>) {
        let kwargs = entry.node.get("kwargs");
        let given = kwargs.and_then(|kwargs| kwargs.node.get("table"));
        let line = given.map_or(entry.line, |table| table.line);
        let given = given.and_then(|table| table.node.text());
        let taken: Vec<_> = others.endpoints.iter().map(|e| e.table.clone()).collect();
        self.table = address::table(given.as_deref().unwrap_or(&self.name), &taken);
        match given {
            Some(given) if given != self.table => {
                let what = format!(
                    "`table: {given}` is another endpoint's, or can't be a table's name here; \
                     the table is {}",
                    self.table
                );
                self.notes.no_equivalent(line, what);
            }
            Some(_) => {}
            None => {
                let what = format!("there is no `table`; it is {}", self.table);
                self.notes.check(line, what);
            }
        }
        self.toml.text("table", &self.table);
    }

    fn keyword(&mut self, key: &Entry, others: &Others<'_>) {
        match key.key.as_str() {
            "url" => self.database = key.node.text().map(|url| (url, key.line)),
            "table" => {}
            "columns" => columns::read(key, self),
            "open" => hooks::open(key, self),
            "message_default" => hooks::defaults(key, self),
            "prepare" | "modify" => hooks::change(key, self),
            "alert" => {
                alert::read(key, self, others.services);
            }
            "auth" => auth::read(key, self),
            "ratelimit" => self.notes.check(
                key.line,
                "`ratelimit`: in Gramex it counts nothing on a MessageHandler; the limits here, \
                 of messages too, are `rate = { connection = \"20/s\", connects = \"60/m\" }`",
            ),
            "methods" => self.notes.check(
                key.line,
                "`methods`, the methods of HTTP requests, which MessageHandler ignores; here \
                 `methods` says who may POST, PUT and DELETE",
            ),
            other => {
                let known = ELSEWHERE.iter().find(|(known, _)| *known == other);
                let what = match known {
                    Some((_, instead)) => format!("`{other}`: {instead}"),
                    None => format!("`{other}`, which Gramex hands to the database's driver"),
                };
                self.notes.no_equivalent(key.line, what);
            }
        }
    }
}
