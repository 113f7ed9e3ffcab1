//! An endpoint: a configured path with its log, its plugins and its connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use tokio::sync::Semaphore;

use crate::config::{EndpointConfig, History};
use crate::connection::Connection;
use crate::deliver::subscribe::visible;
use crate::deliver::{Encoder, Groups};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::id::ConnectionId;
use crate::log::EndpointLog;
use crate::log::sequencer::SequencerHandle;
use crate::log::{Event, LogReader, Submission};
use crate::plugin::{Generation, Hook};
use crate::row::Table;
use crate::storage::sqlite::read::HistoryLimits;

/// What one endpoint takes between judging and the end of delivery, in units of
/// [`Submission::weight`]: 8,192 messages, or about 64 MiB of them. Bounds what waits for
/// the disk and for fan-out; who has one more to send waits, unread.
pub const ADMISSION: usize = 65_536;

pub struct Endpoint {
    pub name: Arc<str>,
    pub dialect: Arc<dyn Dialect>,
    /// None on ephemeral endpoints.
    pub table: Option<Arc<Table>>,
    pub log: Arc<EndpointLog>,
    pub reader: LogReader,
    /// The other endpoints, for what plugins publish.
    pub directory: Arc<Directory>,
    pub encoder: Arc<Encoder>,
    pub groups: Arc<Groups>,
    pub sequencer: SequencerHandle,
    pub admission: Arc<Semaphore>,
    /// What a config reload or a plugin reload exchanges. Each message takes one
    /// snapshot.
    pub chain: ArcSwap<Chain>,
    pub settings: ArcSwap<EndpointConfig>,
    /// The log's head when the server started; what history of an emptied log says.
    pub first_head: u64,
    pub connections: RwLock<HashMap<ConnectionId, Arc<Connection>>>,
    /// The server shuts down.
    pub stopping: Arc<AtomicBool>,
}

/// A connection's patience.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub ping: Duration,
    pub pong_timeout: Duration,
    pub write_timeout: Duration,
}

impl Endpoint {
    /// The plugins in force.
    pub fn chain(&self) -> Arc<Chain> {
        self.chain.load_full()
    }

    pub fn settings(&self) -> Arc<EndpointConfig> {
        self.settings.load_full()
    }

    pub fn timing(&self) -> Timing {
        let settings = self.settings.load();
        Timing {
            ping: settings.ping,
            pong_timeout: settings.pong_timeout,
            write_timeout: settings.write_timeout,
        }
    }

    pub fn history(&self) -> History {
        self.settings.load().history
    }

    pub fn history_limits(&self) -> HistoryLimits {
        let settings = self.settings.load();
        HistoryLimits {
            rows: settings.history_rows,
            bytes: settings.history_size,
        }
    }

    /// Hands a judged message to the sequencer, as soon as there is room.
    pub async fn submit(&self, submission: Submission) {
        // The semaphore is never closed.
        let weight = submission.weight();
        if let Ok(permit) = self.admission.acquire_many(weight).await {
            // Given back by fan-out.
            permit.forget();
        }
        submission.lane.depart();
        self.sequencer.submit(submission);
    }

    /// True if an event's audience includes the connection, its filter aside.
    pub fn visible(&self, connection: &Connection, event: &Event) -> bool {
        visible(&self.groups, connection.id, connection.user_id(), event)
    }
}

/// The plugins of an endpoint, in order, as one snapshot.
#[derive(Default)]
pub struct Chain {
    generations: Vec<Arc<Generation>>,
    handler_types: Vec<String>,
    /// `name@digest` of each, separated by blanks.
    pub judged_by: Arc<str>,
}

impl Chain {
    /// # Errors
    /// Two plugins that handle one message type.
    pub fn new(generations: Vec<Arc<Generation>>) -> Result<Self, String> {
        let mut handler_types: Vec<String> = Vec::new();
        for generation in generations.iter().filter(|one| one.has(Hook::Handlers)) {
            for handler in generation.handlers() {
                if handler_types.contains(&handler.message_type) {
                    return Err(format!(
                        "plugin `{}` handles `{}`, which a plugin before it handles already; \
                         rename one of the two message types",
                        generation.name(),
                        handler.message_type
                    ));
                }
                handler_types.push(handler.message_type.clone());
            }
        }
        let judged_by: Vec<_> = generations
            .iter()
            .map(|one| {
                format!(
                    "{}@{}",
                    one.name(),
                    &one.digest()[..12.min(one.digest().len())]
                )
            })
            .collect();
        Ok(Self {
            generations,
            handler_types,
            judged_by: judged_by.join(" ").into(),
        })
    }

    /// The same with instances of its own, for a trial; `instead` takes the place of the
    /// generation of its name.
    ///
    /// # Errors
    /// As of [`Chain::new`].
    pub fn twin(&self, instead: Option<&Arc<Generation>>) -> Result<Self, String> {
        let twins = self.generations.iter().map(|one| match instead {
            Some(other) if other.name() == one.name() => Arc::clone(other),
            _ => Arc::new(one.twin()),
        });
        Self::new(twins.collect())
    }

    /// The generation of a plugin, by its number.
    pub fn number_of(&self, plugin: &str) -> Option<u64> {
        let mut generations = self.generations.iter();
        let found = generations.find(|one| &**one.name() == plugin)?;
        Some(found.number())
    }

    /// The generations that have a hook, in order.
    pub fn with(&self, hook: Hook) -> impl Iterator<Item = &Arc<Generation>> {
        self.generations
            .iter()
            .filter(move |generation| generation.has(hook))
    }

    pub fn has(&self, hook: Hook) -> bool {
        self.with(hook).next().is_some()
    }

    /// The message types that are handled.
    pub fn handler_types(&self) -> &[String] {
        &self.handler_types
    }

    /// Who handles a message type.
    pub fn handler(&self, message_type: &str) -> Option<&Arc<Generation>> {
        self.with(Hook::Handlers).find(|one| {
            one.handlers()
                .iter()
                .any(|handler| handler.message_type == message_type)
        })
    }
}
