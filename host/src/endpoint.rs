//! An endpoint: a configured path with its log, its plugins and its connections.

mod chain;
mod effort;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::alert::{Outbox, Throttle};
use crate::auth::{self, Auth, Denied, Identity};
use crate::background::Background;
use crate::config::{EndpointConfig, History};
use crate::connection::Connection;
use crate::connection::queue::Frame;
use crate::deliver::subscribe::visible;
use crate::deliver::{Encoder, Groups};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::id::{ConnectionId, row_id};
use crate::judge::floor::Floor;
use crate::log::EndpointLog;
use crate::log::sequencer::SequencerHandle;
use crate::log::{Event, LogReader, Submission};
use crate::rate::Rates;
use crate::rejection::{Rejection, code};
use crate::row::{ColumnType, Form, ID, Table};
use crate::storage::{HistoryLimits, Numbers};
use crate::storages::Storage;
use crate::waiting::Waiting;

pub use chain::Chain;
pub use effort::{Effort, Work};

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
    /// Where it is kept; none on ephemeral endpoints.
    pub storage: Option<Arc<Storage>>,
    /// Numbers new rows, where the server does.
    pub numbers: Option<Numbers>,
    /// Where its alerts go.
    pub outbox: Arc<Outbox>,
    /// What goes wrong with alerts while messages are judged.
    pub alert_trouble: Throttle,
    /// The other endpoints, for what plugins publish.
    pub directory: Arc<Directory>,
    /// Says who clients are.
    pub auth: Arc<Auth>,
    pub encoder: Arc<Encoder>,
    pub groups: Arc<Groups>,
    pub sequencer: SequencerHandle,
    pub admission: Arc<Semaphore>,
    pub floor: Floor,
    pub effort: Effort,
    /// Where it is served while it takes too much.
    pub background: Arc<Background>,
    /// What a config reload or a plugin reload exchanges. Each message takes one
    /// snapshot.
    pub chain: ArcSwap<Chain>,
    /// Messages that wait for a plugin that is away.
    pub waiting: Waiting<Frame>,
    pub settings: ArcSwap<EndpointConfig>,
    /// Those of `settings.rate`, and how far they are used.
    pub rates: ArcSwap<Rates>,
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
    /// What rows are told apart by: the key of messages, and the column.
    pub fn key(&self) -> &str {
        self.table.as_ref().map_or(ID, |table| &table.key().name)
    }

    /// The key of a new row, given what its message says of it.
    ///
    /// # Errors
    /// The next number can't be read from the database.
    pub async fn new_key(&self, given: Option<&Value>) -> Result<Option<Value>, Rejection> {
        let Some(table) = &self.table else {
            return Ok(Some(row_id().into()));
        };
        let key = table.key();
        if let (true, Some(numbers)) = (key.autoincrement, &self.numbers) {
            let next = numbers.next(table).await.map_err(|error| {
                tracing::error!(endpoint = %self.name, %error, "the next number can't be read");
                let text = "the server can't number rows right now; try again later";
                Rejection::new(code::UNAVAILABLE, text)
            })?;
            return Ok(Some(next.into()));
        }
        let given = given.filter(|value| !value.is_null() && value.as_str() != Some(""));
        Ok(match (key.form, key.kind) {
            // A key of another name is that of a table which is not ours.
            _ if given.is_some() && key.name != ID => given.cloned(),
            (Form::Uuid, _) => Some(Uuid::now_v7().to_string().into()),
            (_, ColumnType::Text) => Some(row_id().into()),
            _ => None,
        })
    }

    /// The plugins in force.
    pub fn chain(&self) -> Arc<Chain> {
        self.chain.load_full()
    }

    /// The plugins for what can't wait: what comes back to be judged anew, and what plugins
    /// publish. (Messages of clients do: see `connection/queue.rs`.)
    ///
    /// # Errors
    /// A plugin is in quarantine: the endpoint takes no messages.
    pub fn chain_in_service(&self) -> Result<Arc<Chain>, Rejection> {
        let chain = self.chain();
        match chain.quarantined() {
            None => Ok(chain),
            Some(_) => Err(Rejection::new(
                code::UNAVAILABLE,
                "the server's logic for this endpoint is out of service; nothing of the message \
                 took effect. Try again later",
            )),
        }
    }

    /// Finds out who sends a request, and whether the endpoint is for them.
    ///
    /// # Errors
    /// It is not; the answer for them is in it.
    pub async fn identify(&self, request: &auth::Request<'_>) -> Result<Identity, Denied> {
        let gate = &self.settings().auth;
        let identified = self.auth.identify(&self.name, gate, request).await;
        if let Err(denied) = &identified {
            metrics::counter!(
                "hookcast_denied_total", "endpoint" => self.name.clone(), "code" => denied.code()
            )
            .increment(1);
        }
        identified
    }

    pub fn settings(&self) -> Arc<EndpointConfig> {
        self.settings.load_full()
    }

    /// Puts other settings in force; for config reloads.
    pub fn follow(&self, settings: EndpointConfig) {
        if !self.rates.load().are(&settings.rate) {
            self.rates.store(Arc::new(Rates::new(&settings.rate)));
        }
        self.settings.store(Arc::new(settings));
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
