//! One MessageHandler entry: `url: NAME: {pattern, handler, kwargs}`.

use super::notes::Notes;
use super::toml::Lines;
use super::yaml::Entry;
use super::{address, alert, auth, columns, hooks};

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
}

impl Endpoint {
    pub fn read(entry: &Entry, name: String) -> Self {
        let mut endpoint = Self {
            from: entry.key.clone(),
            line: entry.line,
            toml: Lines::default(),
            notes: Notes::default(),
            sketch: Vec::new(),
            database: None,
            known_users: false,
            alerts: false,
            name,
        };
        let pattern = entry.node.get("pattern");
        let path = address::path(pattern, &endpoint.name, entry.line, &mut endpoint.notes);
        endpoint.toml.text("path", &path);
        for key in entry.node.entries() {
            match key.key.as_str() {
                "pattern" | "handler" => {}
                "kwargs" => {
                    for key in key.node.entries() {
                        endpoint.keyword(key);
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

    fn keyword(&mut self, key: &Entry) {
        match key.key.as_str() {
            "url" => self.database = key.node.text().map(|url| (url, key.line)),
            "table" => {
                if let Some(table) = key.node.text() {
                    self.toml.text("table", &table);
                }
            }
            "columns" => columns::read(key, self),
            "open" => hooks::open(key, self),
            "message_default" => hooks::defaults(key, self),
            "prepare" | "modify" => hooks::change(key, self),
            "alert" => {
                self.alerts = true;
                alert::read(key, self);
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
