//! Writing a group of messages in one SQLite transaction.
//!
//! First pass: no savepoints, which is the fast and usual case. If any message can't be
//! written, the whole transaction is rolled back and repeated with a savepoint for each
//! message, so that one bad message costs its neighbours time but nothing else, and the
//! disk is still synced once.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::pass::{Pass, Stop};
use super::statements::Statements;
use crate::log::Submission;
use crate::log::appender::{Appender, Durability, Unavailable, Verdict};

/// Another process may lock the database for a moment (a backup, a shell).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub struct SqliteAppender {
    connection: Connection,
    synchronous: Option<Durability>,
    statements: Statements,
    /// Set after an error that leaves unclear what is on disk.
    failed: Option<String>,
}

impl SqliteAppender {
    /// Opens the file that `open::open` has created and migrated.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(Self {
            connection,
            synchronous: None,
            statements: Statements::default(),
            failed: None,
        })
    }

    /// Sets what COMMIT waits for, outside of any transaction.
    fn set_durability(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.synchronous != Some(durability) {
            let level = if durability == Durability::Full {
                "FULL"
            } else {
                "NORMAL"
            };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.synchronous = Some(durability);
        }
        Ok(())
    }

    fn attempt(
        &mut self,
        group: &[Submission],
        time: i64,
        savepoints: bool,
    ) -> Result<Vec<Verdict>, Stop> {
        let parts = group.iter().flat_map(Submission::parts);
        for table in parts.filter_map(|part| part.table.as_ref()) {
            self.statements.learn(table);
        }
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])?;
        let mut pass = Pass::new(&self.connection, &self.statements, time, savepoints);
        let verdicts = group
            .iter()
            .map(|one| pass.message(one))
            .collect::<Result<Vec<_>, _>>()?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(verdicts)
    }

    fn rollback(&self) {
        // Some errors end the transaction by themselves; then there is nothing to do.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "ROLLBACK failed");
        }
    }
}

impl Appender for SqliteAppender {
    fn append(&mut self, group: &[Submission], time: i64) -> Result<Vec<Verdict>, Unavailable> {
        if let Some(reason) = &self.failed {
            return Err(Unavailable(reason.clone()));
        }
        if !group.iter().any(Submission::writes) {
            return Ok(group
                .iter()
                .map(|one| Verdict::Written {
                    first: one.own.log.ring.head(),
                })
                .collect());
        }
        let parts = group.iter().flat_map(Submission::parts);
        let durability = parts.map(|part| part.log.durability).max();
        let durability = durability.unwrap_or(Durability::Full);
        let result = self.set_durability(durability).map_err(Stop::Storage);
        let result = result.and_then(|()| match self.attempt(group, time, false) {
            Err(Stop::Message) => {
                self.rollback();
                self.attempt(group, time, true)
            }
            other => other,
        });
        result.map_err(|stop| {
            self.rollback();
            let Stop::Storage(error) = stop else {
                return Unavailable("a message failed although it had a savepoint".into());
            };
            if is_sync_failure(&error) {
                // After a failed sync nobody knows what reached the disk, and asking
                // again may wrongly succeed. Only a restart reads it back.
                let reason = format!("{error}; check the disk, then restart hookcast");
                self.failed = Some(reason.clone());
                return Unavailable(reason);
            }
            Unavailable(error.to_string())
        })
    }

    fn close(&mut self) {
        if let Err(error) = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            tracing::warn!(%error, "the write-ahead log was not checkpointed; the next start will");
        }
    }
}

fn is_sync_failure(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
