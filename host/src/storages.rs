//! The open databases: each with its one writer and its alerts.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};

use crate::alert;
use crate::config::{Config, EndpointConfig, StorageConfig};
use crate::log::sequencer::{Sequencer, SequencerHandle};
use crate::storage::memory::MemoryAppender;
use crate::storage::{Database, Outbox};

/// One database.
pub struct Storage {
    /// As the config names it: `NAME` of `[storages.NAME]`, or [`DEFAULT`].
    pub name: String,
    /// The table of alerts. Dropped before the database, which holds its lock.
    pub alerts: Outbox,
    /// What everybody else needs to know of that.
    pub outbox: Arc<alert::Outbox>,
    pub database: Database,
    pub sequencer: SequencerHandle,
}

/// What `[storage]` is called beside those that have names.
pub const DEFAULT: &str = "storage";

/// All of them, and the sequencer of what is kept in memory only.
pub struct Storages {
    default: Arc<Storage>,
    named: Vec<Arc<Storage>>,
    pub memory: SequencerHandle,
    threads: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl Storages {
    /// Opens what the config names.
    ///
    /// # Errors
    /// One of them can't be opened: which, and where the config says so.
    pub async fn open(config: &Config) -> Result<Self> {
        let mut threads = Vec::new();
        let default = open(config, DEFAULT, &config.storage, &mut threads).await?;
        let mut named = Vec::with_capacity(config.storages.len());
        for (name, settings) in &config.storages {
            named.push(open(config, name, settings, &mut threads).await?);
        }
        let memory = Box::new(MemoryAppender);
        let (memory, thread) = Sequencer::start("memory", memory, config.storage.group_limit)?;
        threads.push(thread);
        Ok(Self {
            default,
            named,
            memory,
            threads: parking_lot::Mutex::new(threads),
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Storage>> {
        std::iter::once(&self.default).chain(&self.named)
    }

    /// The one that an endpoint is kept in, as far as it is kept.
    ///
    /// # Errors
    /// It was added to the config since the server has started.
    pub fn of(&self, endpoint: &EndpointConfig) -> Result<&Arc<Storage>> {
        let Some(name) = &endpoint.storage else {
            return Ok(&self.default);
        };
        let mut named = self.named.iter();
        named
            .find(|storage| storage.name == *name)
            .with_context(|| format!("storage `{name}` is opened by the next restart only"))
    }

    /// Writes what is queued, syncs and closes. Connections must be gone.
    pub async fn close(&self) {
        for storage in self.iter() {
            storage.sequencer.stop();
            storage.database.stop();
        }
        self.memory.stop();
        let threads = std::mem::take(&mut *self.threads.lock());
        let joined = tokio::task::spawn_blocking(|| {
            threads
                .into_iter()
                .filter_map(|thread| thread.join().err())
                .count()
        });
        if joined.await.unwrap_or(1) > 0 {
            tracing::error!("a writer ended in a panic; the next start recovers the database");
        }
        for storage in self.iter() {
            storage.database.close().await;
        }
    }
}

async fn open(
    config: &Config,
    name: &str,
    settings: &StorageConfig,
    threads: &mut Vec<JoinHandle<()>>,
) -> Result<Arc<Storage>> {
    let key = match name {
        DEFAULT => "storage.url".to_owned(),
        name => format!("storages.{name}.url"),
    };
    let place = || format!("{}: `{key}`", config.place(&key));
    let database = Database::open(&settings.url).await.with_context(place)?;
    // Before anything is written: with a server, the lock is the writer's.
    let appender = database.appender().await.with_context(place)?;
    let alerts = database.outbox().await.with_context(place)?;
    let (sequencer, thread) = Sequencer::start(name, appender, settings.group_limit)?;
    threads.push(thread);
    Ok(Arc::new(Storage {
        name: name.to_owned(),
        alerts,
        outbox: Arc::new(alert::Outbox::new(config)),
        database,
        sequencer,
    }))
}
