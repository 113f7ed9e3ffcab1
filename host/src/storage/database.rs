//! A database of any kind: opening it, what it does at start and at intervals.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::server::Server;
use super::sqlite::append::SqliteAppender;
use super::sqlite::outbox::SqliteOutbox;
use super::sqlite::read::SqliteReader;
use super::sqlite::{self, keyvalue, retention, schema, table};
use super::{Outbox, Reader};
use crate::config::StorageUrl;
use crate::log::Incarnation;
use crate::log::appender::Appender;
use crate::log::position::Incarnations;
use crate::row::Table;

/// A database that this process owns, until it is dropped.
pub enum Database {
    Sqlite(sqlite::open::Database),
    Server(Server),
}

/// An endpoint's log as found at start.
pub struct OpenedLog {
    pub id: i64,
    pub head: u64,
    pub incarnation: Incarnation,
    pub incarnations: Incarnations,
}

impl OpenedLog {
    /// The log of an ephemeral endpoint: it begins with this process.
    pub fn in_memory() -> Self {
        let incarnation = Incarnation::random();
        let incarnations = Incarnations(vec![(incarnation, 1)]);
        Self {
            id: 0,
            head: 0,
            incarnation,
            incarnations,
        }
    }
}

/// What an endpoint's log keeps at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retention {
    pub age: Duration,
    pub count: u64,
    /// Bytes of what was sent.
    pub size: u64,
}

impl Database {
    /// Opens a database, locks it for this process and brings Hookcast's own tables up to
    /// date.
    ///
    /// # Errors
    /// Another hookcast has it; it can't be reached, is newer, or can't be written.
    pub async fn open(url: &StorageUrl) -> Result<Self> {
        match url {
            StorageUrl::Sqlite(path) => Ok(Self::Sqlite(sqlite::open::open(path).await?)),
            StorageUrl::Server(url) => Ok(Self::Server(Server::open(url).await?)),
        }
    }

    /// The writer; there must be one only.
    pub async fn appender(&self) -> Result<Box<dyn Appender>> {
        match self {
            Self::Sqlite(database) => {
                let appender = SqliteAppender::open(&database.path);
                let cant = || format!("can't open {} for writing", database.path.display());
                Ok(Box::new(appender.with_context(cant)?))
            }
            Self::Server(server) => Ok(Box::new(server.appender().await?)),
        }
    }

    /// The table of alerts.
    pub async fn outbox(&self) -> Result<Outbox> {
        match self {
            Self::Sqlite(database) => {
                let outbox = SqliteOutbox::open(&database.path).await;
                let cant = || format!("can't open the outbox in {}", database.path.display());
                Ok(Outbox::Sqlite(outbox.with_context(cant)?))
            }
            Self::Server(server) => Ok(Outbox::Server(server.outbox().await?)),
        }
    }

    pub fn reader(&self) -> Reader {
        match self {
            Self::Sqlite(database) => Reader::Sqlite(SqliteReader {
                pool: database.readers.clone(),
            }),
            Self::Server(server) => Reader::Server(server.reader()),
        }
    }

    /// Creates an endpoint's table, or adds the columns it lacks. Nothing is ever changed
    /// or removed.
    ///
    /// # Errors
    /// The table can't hold what the config says; what to do about it.
    pub async fn prepare_table(&self, definition: &Table) -> Result<()> {
        match self {
            Self::Sqlite(database) => {
                let mut connection = database.readers.acquire().await?;
                table::prepare(&mut connection, definition).await
            }
            Self::Server(server) => server.prepare_table(definition).await,
        }
    }

    /// Finds or makes the log of an endpoint and opens a new incarnation in it.
    pub async fn open_log(&self, name: &str, now: i64) -> Result<OpenedLog> {
        match self {
            Self::Sqlite(database) => {
                let mut connection = database.readers.acquire().await?;
                schema::open_log(&mut connection, name, now).await
            }
            Self::Server(server) => server.open_log(name, now).await,
        }
    }

    /// Deletes what `retention` no longer keeps; returns how many entries went.
    pub async fn cut(&self, log: i64, retention: Retention, now: i64) -> sqlx::Result<u64> {
        match self {
            Self::Sqlite(database) => retention::cut(&database.readers, log, retention, now).await,
            Self::Server(server) => server.cut(log, retention, now).await,
        }
    }

    /// Forgets message ids that are too old to be recognised.
    pub async fn forget_message_ids(&self, now: i64) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(database) => retention::forget_message_ids(&database.readers, now).await,
            Self::Server(server) => server.forget_message_ids(now).await,
        }
    }

    /// Removes keys that have expired.
    pub async fn forget_expired(&self, now: i64) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(database) => keyvalue::forget_expired(&database.readers, now).await,
            Self::Server(server) => server.forget_expired(now).await,
        }
    }

    /// Whether it can be read now.
    pub async fn answers(&self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(database) => database.readers.acquire().await.map(drop),
            Self::Server(server) => server.answers().await,
        }
    }

    /// Has the writer give up what it waits for: nobody is there any more to be told.
    pub fn stop(&self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Server(server) => server.stop(),
        }
    }

    /// Ends all connections but the writer's.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.readers.close().await,
            Self::Server(server) => server.close().await,
        }
    }

    /// Where files that belong to it may lie; none for a server.
    pub fn folder(url: &StorageUrl) -> Option<&Path> {
        match url {
            StorageUrl::Sqlite(path) => path.parent(),
            StorageUrl::Server(_) => None,
        }
    }
}
