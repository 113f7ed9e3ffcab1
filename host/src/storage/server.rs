//! PostgreSQL, and MySQL or MariaDB: a server that other programs may use, too.
//!
//! Everything is asked through sqlx, in statements that both kinds understand; the few
//! words that differ are in `flavor.rs`. One hookcast at a time writes to a database: it
//! holds a lock there (`lock.rs`), and the heads of logs are rows that it locks in each
//! transaction (`heads.rs`).

mod address;
mod append;
mod flavor;
mod found;
mod heads;
mod ids;
mod keys;
mod keyvalue;
mod lock;
mod log;
mod many;
mod outbox;
mod pass;
mod plan;
mod read;
mod retention;
mod rows;
mod schema;
mod session;
mod table;
mod trouble;
mod types;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

use super::{OpenedLog, Retention};
use crate::config::ServerUrl;
use crate::row::Table;

use append::ServerAppender;
use flavor::Flavor;
pub use outbox::ServerOutbox;
pub use read::ServerReader;
use session::{Address, Pool};

/// A database on a server, of which this process is the one that writes.
pub struct Server {
    address: Address,
    /// As messages may show it.
    shown: String,
    pool: Pool,
    /// The writer does not wait for the server any more.
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Connects, and brings Hookcast's own tables up to date.
    ///
    /// # Errors
    /// The server can't be reached or refuses us, another hookcast has the database, or a
    /// newer one has had it; what to do about it.
    pub async fn open(url: &ServerUrl) -> Result<Self> {
        let address = Address::of(url)?;
        let shown = url.to_string();
        let session = address.connect().await;
        let mut session = session.map_err(|error| address::refused(url, &error))?;
        lock::take(&mut session, None)
            .await
            .with_context(|| shown.clone())?;
        schema::migrate(&mut session)
            .await
            .with_context(|| shown.clone())?;
        warn_of_lost_commits(&mut session).await;
        // The lock is the session's; the writer takes it next.
        session.close().await;
        Ok(Self {
            pool: address.pool(),
            address,
            shown,
            stopping: Arc::new(AtomicBool::new(false)),
        })
    }

    /// The writer, which takes the lock.
    pub async fn appender(&self) -> Result<ServerAppender> {
        ServerAppender::open(self).await
    }

    pub async fn outbox(&self) -> sqlx::Result<ServerOutbox> {
        ServerOutbox::open(self.pool.clone()).await
    }

    pub fn reader(&self) -> ServerReader {
        ServerReader {
            pool: self.pool.clone(),
        }
    }

    /// See [`Database::prepare_table`](super::Database::prepare_table).
    pub async fn prepare_table(&self, definition: &Table) -> Result<()> {
        table::prepare(&self.pool, definition).await
    }

    pub async fn open_log(&self, name: &str, now: i64) -> Result<OpenedLog> {
        log::open(&self.pool, name, now).await
    }

    pub async fn cut(&self, log: i64, retention: Retention, now: i64) -> sqlx::Result<u64> {
        retention::cut(&self.pool, log, retention, now).await
    }

    pub async fn forget_message_ids(&self, now: i64) -> sqlx::Result<()> {
        retention::forget_message_ids(&self.pool, now).await
    }

    pub async fn forget_expired(&self, now: i64) -> sqlx::Result<()> {
        keyvalue::forget_expired(&self.pool, now).await
    }

    pub async fn answers(&self) -> sqlx::Result<()> {
        self.pool.session().await.map(drop)
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Has the writer give up what it waits for.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// Says what of the server's settings would lose what was acknowledged.
async fn warn_of_lost_commits(session: &mut session::Session) {
    let asked = match session.flavor() {
        Flavor::Postgres => "SELECT current_setting('fsync')",
        Flavor::MySql => "SELECT CAST(@@innodb_flush_log_at_trx_commit AS CHAR)",
    };
    let found = session.raw(asked).await.ok();
    let setting = found.and_then(|rows| rows.into_iter().next()?.text().ok());
    let safe = match session.flavor() {
        Flavor::Postgres => "on",
        Flavor::MySql => "1",
    };
    if let Some(setting) = setting.filter(|setting| setting != safe) {
        let name = match session.flavor() {
            Flavor::Postgres => "fsync",
            Flavor::MySql => "innodb_flush_log_at_trx_commit",
        };
        tracing::warn!(
            setting,
            "the database server's `{name}` is not `{safe}`: a crash of its machine loses \
             messages that were acknowledged"
        );
    }
}
