//! `[endpoints.NAME]`: a path, and what happens on it.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::alert::{AlertConfig, read_alerts};
use super::auth::EndpointAuth;
use super::columns::read_table;
use super::message_default::MessageDefaults;
use super::methods::Methods;
use super::open::OpenArgs;
use super::path::endpoint_path;
use super::plugins::PluginsConfig;
use super::queue::QueueConfig;
use super::rate::RateConfig;
use super::reader::{Section, Wrong};
use super::retention::Retention;
use super::storage::KnownStorages;
use crate::row::Table;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Enough for people, and little for a mail server.
const ALERT_RATE: u32 = 600;

/// One endpoint. Sizes are bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointConfig {
    /// Begins with `/`; may have parameters: `{room}`, and `{*rest}` at the end.
    pub path: String,
    pub dialect: Dialect,
    /// Where it is kept: `[storages.NAME]`, or `[storage]`.
    pub storage: Option<String>,
    /// None on ephemeral endpoints, and only there.
    pub table: Option<Table>,
    /// Their hooks run in this order.
    pub plugins: Vec<String>,
    /// Who may connect.
    pub auth: EndpointAuth,
    /// Query keys that the server sets for every subscription.
    pub open: OpenArgs,
    /// Fields of messages that the server fills.
    pub message_default: MessageDefaults,
    /// Who may do what; without it everyone may do everything.
    pub methods: Option<Methods>,
    pub durability: Durability,
    pub history: History,
    pub retention: Retention,
    /// Messages that wait while a plugin is away.
    pub queue: QueueConfig,
    /// Mails and webhook calls that messages cause.
    pub alerts: Vec<AlertConfig>,
    /// Alerts that are sent in a minute.
    pub alert_rate: u32,
    /// Largest frame a client may send.
    pub message_limit: usize,
    /// How fast clients may send and connect.
    pub rate: RateConfig,
    /// Recent events that are kept in memory for those who lag.
    pub ring: usize,
    /// Messages of one connection that may wait for their commit before it is read on.
    pub in_flight: usize,
    /// Silence after which a connection is pinged.
    pub ping: Duration,
    /// How long a ping may stay unanswered.
    pub pong_timeout: Duration,
    /// How long a write may make no progress.
    pub write_timeout: Duration,
    /// What may be queued for one connection before it reads the ring instead.
    pub buffer: usize,
    /// Most rows sent on connect.
    pub history_rows: usize,
    /// Most bytes sent on connect.
    pub history_size: usize,
}

/// What clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Gramex,
}

/// What an acknowledged message survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Power loss: it is synced to disk.
    Full,
    /// A crash of the process.
    Process,
    /// Nothing: it is in memory only.
    Ephemeral,
}

/// What a new connection is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The rows as the table has them.
    Table,
    /// The messages as they were broadcast.
    Log,
}

impl EndpointConfig {
    pub(super) fn read(
        name: &str,
        mut section: Section<'_>,
        plugins: &PluginsConfig,
        found: &io::Result<Vec<String>>,
        services: &[&str],
        storages: &KnownStorages<'_>,
    ) -> Self {
        let seconds = Duration::from_secs;
        // Tests want short times; nobody wants a busy loop.
        let times = Duration::from_millis(10)..=seconds(3600);
        let path = section.optional("path", endpoint_path);
        if path.is_none() && !section.has("path") {
            let what = format!("`{}` has no path", section.key);
            let remedy = format!("add path = \"/{name}\"");
            section.reading.report(section.at, what, remedy);
        }
        let durability = section.read("durability", Durability::Full, |value| {
            value.choice(&[
                ("full", Durability::Full),
                ("process", Durability::Process),
                ("ephemeral", Durability::Ephemeral),
            ])
        });
        let ephemeral = durability == Durability::Ephemeral;
        let (storage, table) = if ephemeral {
            refuse_storage(&mut section);
            (None, None)
        } else {
            let storage = section.optional("storage", |value| storages.name(value));
            let kept = storages.get(storage.as_deref());
            let table = read_table(name, &mut section, kept.url.kind());
            (storage, Some(table))
        };
        let limited = section.has("methods");
        let methods = Methods::read(section.section("methods"));
        let config = Self {
            path: path.unwrap_or_default(),
            dialect: section.read("dialect", Dialect::Gramex, |value| {
                value.choice(&[("gramex", Dialect::Gramex)])
            }),
            storage,
            open: OpenArgs::read(section.section("open"), table.as_ref()),
            message_default: MessageDefaults::read(section.section("message_default")),
            methods: limited.then_some(methods),
            table,
            plugins: section
                .list("plugins", |value| plugins.installed(value, found))
                .unwrap_or_default(),
            auth: EndpointAuth::read(section.section("auth")),
            durability,
            history: section
                .optional("history", |value| {
                    value.choice(&[("table", History::Table), ("log", History::Log)])
                })
                .unwrap_or(if ephemeral {
                    History::Log
                } else {
                    History::Table
                }),
            retention: Retention::read(section.section("retention")),
            queue: QueueConfig::read(section.section("queue")),
            alerts: if ephemeral {
                Vec::new()
            } else {
                read_alerts(&mut section, services)
            },
            alert_rate: section.read("alert_rate", ALERT_RATE, |value| {
                value.whole(1..=10_000_000)
            }),
            message_limit: section
                .read("message_limit", 64 << 10, |value| value.size(64..=16 * MIB)),
            rate: RateConfig::read(section.section("rate")),
            ring: section.read("ring", 8 << 20, |value| {
                value.size(64 * KIB..=64 * 1024 * MIB)
            }),
            in_flight: section.read("in_flight", 64, |value| value.whole(1..=10_000)),
            ping: section.read("ping", seconds(25), |value| value.duration(times.clone())),
            pong_timeout: section.read("pong_timeout", seconds(10), |value| {
                value.duration(times.clone())
            }),
            write_timeout: section.read("write_timeout", seconds(10), |value| {
                value.duration(times.clone())
            }),
            buffer: section.read("buffer", 64 << 10, |value| value.size(KIB..=1024 * MIB)),
            history_rows: section.read("history_rows", 10_000, |value| value.whole(0..=10_000_000)),
            history_size: section.read("history_size", 16 << 20, |value| {
                value.size(KIB..=4096 * MIB)
            }),
        };
        config.check_sizes(&section);
        config.check_repetition(&section);
        section.finish();
        config
    }

    /// Checks that no plugin's hooks run twice.
    fn check_repetition(&self, section: &Section<'_>) {
        let mut seen = BTreeSet::new();
        for plugin in self.plugins.iter().filter(|plugin| !seen.insert(*plugin)) {
            let what = format!("`{}.plugins` names {plugin:?} twice", section.key);
            let remedy = "name it once: each of its hooks runs once a message";
            section
                .reading
                .report(section.place_of("plugins"), what, remedy);
        }
    }

    /// Checks that what must hold a whole message can.
    fn check_sizes(&self, section: &Section<'_>) {
        for (key, size) in [("ring", self.ring), ("history_size", self.history_size)] {
            if size < self.message_limit {
                let what = format!("`{}.{key}` holds not even one message", section.key);
                let remedy = "raise it to at least `message_limit`, or lower that";
                section.reading.report(section.place_of(key), what, remedy);
            }
        }
    }
}

/// Reports the keys that make no sense without storage.
fn refuse_storage(section: &mut Section<'_>) {
    let refused = [
        "storage",
        "table",
        "columns",
        "retention",
        "alert",
        "alert_rate",
    ]
    .map(|key| section.take(key));
    let history = section.take("history");
    let history = history.filter(|value| value.text().is_ok_and(|text| text == "table"));
    for value in refused.into_iter().flatten().chain(history) {
        let what = "needs storage, which an ephemeral endpoint has none of";
        let remedy = "remove it, or choose `durability` full or process";
        section
            .reading
            .report_value(&value, Wrong::new(what, remedy));
    }
}
