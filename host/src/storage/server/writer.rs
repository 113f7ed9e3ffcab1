//! Writing a group of messages in one transaction of a server.
//!
//! First pass: everything at once, in as few round trips as possible. If a message can't be
//! written, the transaction is rolled back and repeated with a savepoint for each message.
//!
//! The connection may be lost at any moment. Before the COMMIT was sent nothing has happened,
//! and the group is tried once more on a new connection. After it nobody knows: then the
//! writer connects again, which takes the lock that the lost session had and so waits for
//! the end of it, and looks whether its count of commits has grown. Nobody is told anything
//! before that is known.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::time::{sleep, timeout};

use super::heads::{self, Failed};
use super::pass::{Pass, Stop};
use super::rows::Statements;
use super::session::{Address, Session};
use super::trouble::Trouble;
use super::{Flavor, lock};
use crate::clock::now_micros;
use crate::log::Submission;
use crate::log::appender::{Unavailable, Verdict};

/// How often a group is tried that others were in the way of.
const TRIES: u32 = 5;

/// The longest time for a transaction, and for its end: a server that does not answer is
/// taken for lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks whether the server is back.
const PAUSE: Duration = Duration::from_millis(250);

/// A transaction that is complete but for its end.
struct Filled {
    verdicts: Vec<Verdict>,
    /// The new heads of logs, by their number.
    heads: HashMap<i64, u64>,
    wrote: bool,
}

/// The one connection that writes.
pub struct Writer {
    address: Address,
    /// Nobody waits for us any more.
    stopping: Arc<AtomicBool>,
    session: Option<Session>,
    /// The session's number, or that of the one before.
    number: Option<i64>,
    /// Our row in `hookcast_writers`.
    id: i64,
    /// What stands there.
    commits: i64,
    statements: Statements,
    /// Set when only a restart can tell what is stored.
    failed: Option<String>,
}

impl Writer {
    pub fn new(address: Address, stopping: Arc<AtomicBool>) -> Self {
        Self {
            address,
            stopping,
            session: None,
            number: None,
            id: rand::random(),
            commits: 0,
            statements: Statements::default(),
            failed: None,
        }
    }

    /// # Errors
    /// Nothing can be written until a restart.
    pub fn usable(&self) -> Result<(), Unavailable> {
        match &self.failed {
            Some(reason) => Err(Unavailable(reason.clone())),
            None => Ok(()),
        }
    }

    pub async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// The first connection, and our row.
    pub async fn register(&mut self) -> Result<()> {
        let mut session = self.connect().await?;
        // Nobody else can be writing: theirs are of processes that have ended.
        session.raw("DELETE FROM hookcast_writers").await?;
        let insert = "INSERT INTO hookcast_writers (id, started, commits) VALUES (?, ?, 0)";
        let values = vec![self.id.into(), now_micros().into()];
        session.execute(insert, values).await?;
        self.session = Some(session);
        Ok(())
    }

    /// A session that holds the lock.
    async fn connect(&mut self) -> Result<Session> {
        let mut session = self.address.connect().await?;
        let settings = match session.flavor() {
            // What is acknowledged is on disk, whatever the database is set to.
            Flavor::Postgres => {
                "SET lock_timeout = '10s'; SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') = 'off'"
            }
            Flavor::MySql => {
                "SET SESSION innodb_lock_wait_timeout = 10; \
                 SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
            }
        };
        session.raw(settings).await?;
        lock::take(&mut session, self.number).await?;
        self.number = Some(lock::number(&mut session).await?);
        Ok(session)
    }

    /// A new session after one was lost, and what is committed of ours.
    async fn reconnect(&mut self) -> Result<i64> {
        let mut session = self.connect().await?;
        let found = "SELECT commits FROM hookcast_writers WHERE id = ?";
        let found = session.fetch(found, vec![self.id.into()]).await?;
        let found = found.into_iter().next().map(|mut found| found.integer());
        let commits = found.transpose()?;
        self.session = Some(session);
        let known = [self.commits, self.commits + 1];
        match commits.filter(|commits| known.contains(commits)) {
            Some(commits) => {
                tracing::info!("the database is back");
                Ok(commits)
            }
            None => {
                let reason = "another hookcast has written to the database, or it was put back \
                              to an earlier state; restart hookcast";
                self.failed = Some(reason.into());
                anyhow::bail!(reason)
            }
        }
    }

    /// Writes a group; see [`Appender`](crate::log::appender::Appender).
    pub async fn write(
        &mut self,
        group: &[Submission],
        time: i64,
    ) -> Result<Vec<Verdict>, Unavailable> {
        let (mut savepoints, mut tries, mut lost) = (false, 0, false);
        loop {
            if self.session.is_none() {
                let connected = self.reconnect().await;
                connected.map_err(|error| Unavailable(format!("{error:#}")))?;
            }
            let failed = match self.attempt(group, time, savepoints).await {
                Ok(verdicts) => return Ok(verdicts),
                Err(failed) => failed,
            };
            match failed {
                Failed::Message => {
                    self.roll_back().await;
                    savepoints = true;
                }
                Failed::Trouble(Trouble::Again(reason)) => {
                    self.roll_back().await;
                    tries += 1;
                    if tries == TRIES {
                        return Err(Unavailable(reason));
                    }
                }
                Failed::Trouble(Trouble::Lost(reason)) => {
                    self.session = None;
                    tracing::warn!(reason, "the connection to the database is lost");
                    if lost {
                        return Err(Unavailable(reason));
                    }
                    lost = true;
                }
                Failed::Trouble(Trouble::Storage(reason) | Trouble::Constraint(reason)) => {
                    self.roll_back().await;
                    return Err(Unavailable(reason));
                }
                Failed::Foreign(reason) => {
                    self.roll_back().await;
                    self.failed = Some(reason.clone());
                    return Err(Unavailable(reason));
                }
                Failed::Unknown(reason, verdicts) => {
                    self.session = None;
                    tracing::warn!(
                        reason,
                        "the connection was lost during a commit; whether it took place is found \
                         out as soon as the database is back"
                    );
                    if self.committed().await? {
                        self.commits += 1;
                        return Ok(verdicts);
                    }
                    if lost {
                        return Err(Unavailable(reason));
                    }
                    lost = true;
                }
            }
        }
    }

    /// Waits until it is known whether the last COMMIT took place.
    async fn committed(&mut self) -> Result<bool, Unavailable> {
        loop {
            match self.reconnect().await {
                Ok(commits) => return Ok(commits == self.commits + 1),
                Err(error) => {
                    let given_up = self.failed.is_some() || self.stopping.load(Ordering::Relaxed);
                    if given_up {
                        return Err(Unavailable(format!("{error:#}")));
                    }
                    tracing::debug!(%error, "the database is not back yet");
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn attempt(
        &mut self,
        group: &[Submission],
        time: i64,
        savepoints: bool,
    ) -> Result<Vec<Verdict>, Failed> {
        let filled = timeout(PATIENCE, self.fill(group, time, savepoints)).await;
        let silent = || Failed::Trouble(Trouble::Lost("the database does not answer".into()));
        let filled = filled.unwrap_or_else(|_| Err(silent()))?;
        let Some(session) = self.session.as_mut() else {
            return Err(silent());
        };
        let flavor = session.flavor();
        let trouble = |error: sqlx::Error| Failed::Trouble(Trouble::of(flavor, &error));
        if !filled.wrote {
            session.raw("ROLLBACK").await.map_err(trouble)?;
            return Ok(filled.verdicts);
        }
        let heads = filled.heads.iter().map(|(log, head)| {
            format!("UPDATE hookcast_endpoints SET head = {head} WHERE id = {log}; ")
        });
        let heads: String = heads.collect();
        let (id, commits) = (self.id, self.commits + 1);
        let end = format!(
            "{heads}UPDATE hookcast_writers SET commits = {commits} WHERE id = {id}; COMMIT"
        );
        // From here on the outcome is the server's.
        let committed = timeout(PATIENCE, session.raw(&end)).await;
        let committed = committed.unwrap_or_else(|_| {
            let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer");
            Err(silent.into())
        });
        match committed {
            Ok(_) => {
                self.commits = commits;
                Ok(filled.verdicts)
            }
            Err(error) => Err(match Trouble::of(flavor, &error) {
                Trouble::Lost(reason) => Failed::Unknown(reason, filled.verdicts),
                trouble => Failed::Trouble(trouble),
            }),
        }
    }

    /// Everything but the end of the transaction.
    async fn fill(
        &mut self,
        group: &[Submission],
        time: i64,
        savepoints: bool,
    ) -> Result<Filled, Failed> {
        let Some(session) = self.session.as_mut() else {
            return Err(Failed::Trouble(Trouble::Lost("no connection".into())));
        };
        let flavor = session.flavor();
        heads::begin(session, group).await?;
        let pass = Pass::new(session, &mut self.statements, group, time).await;
        let mut pass = pass.map_err(|error| Failed::Trouble(Trouble::of(flavor, &error)))?;
        let written = match savepoints {
            false => pass.together(group).await,
            true => pass.one_by_one(group).await,
        };
        let verdicts = written.map_err(|stop| match stop {
            Stop::Message => Failed::Message,
            Stop::Trouble(trouble) => Failed::Trouble(trouble),
        })?;
        Ok(Filled {
            verdicts,
            heads: pass.grown,
            wrote: pass.wrote,
        })
    }

    async fn roll_back(&mut self) {
        if let Some(session) = &mut self.session
            && let Err(error) = session.raw("ROLLBACK").await
        {
            tracing::debug!(%error, "ROLLBACK failed");
            self.session = None;
        }
    }
}
