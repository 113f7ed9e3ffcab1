//! One pass over a group of messages, inside of an open transaction.
//!
//! Messages are judged in memory, in their order, against what was fetched for all of them;
//! what they write is collected and written in as few statements as there are kinds of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ids::{FullId, full_id, known};
use super::keys::{Before, Keyspaces, Refusal};
use super::plan::Plan;
use super::rows::Statements;
use super::session::Session;
use super::trouble::Trouble;
use crate::log::appender::Verdict;
use crate::log::submission::{ATTEMPTS, Receipt};
use crate::log::{EndpointLog, Lane, Part, Submission};
use crate::rejection::{Rejection, code};

/// Why a pass over a group stopped.
pub enum Stop {
    /// A message can't be written as part of the group; repeat with savepoints.
    Message,
    Trouble(Trouble),
}

/// Why a single message can't be written.
enum Failure {
    /// A plugin wants something of its key-value storage that can't be done.
    Plugin(String),
    Conflict,
    Trouble(Trouble),
}

/// Remembers what the messages before have done.
pub struct Pass<'a> {
    session: &'a mut Session,
    statements: &'a mut Statements,
    time: i64,
    /// The newest offset of each log, this pass included.
    heads: HashMap<*const EndpointLog, u64>,
    /// Lanes of which a message must be judged anew: what follows in them must, too.
    conflicted: HashSet<*const Lane>,
    /// Message ids of the last 24 hours that the group has, and its own.
    ids: HashMap<FullId, ([u8; 16], Receipt)>,
    keys: Keyspaces,
    /// Logs that have grown, by their number.
    pub grown: HashMap<i64, u64>,
    /// Something is to be committed.
    pub wrote: bool,
}

impl<'a> Pass<'a> {
    /// Fetches what the group's messages are compared with.
    pub async fn new(
        session: &'a mut Session,
        statements: &'a mut Statements,
        group: &[Submission],
        time: i64,
    ) -> sqlx::Result<Self> {
        let ids = known(session, group, time).await?;
        let keys = Keyspaces::load(session, group, time).await?;
        Ok(Self {
            session,
            statements,
            time,
            heads: HashMap::new(),
            conflicted: HashSet::new(),
            ids,
            keys,
            grown: HashMap::new(),
            wrote: false,
        })
    }

    /// Writes all messages at once.
    pub async fn together(&mut self, group: &[Submission]) -> Result<Vec<Verdict>, Stop> {
        let mut plan = Plan::default();
        let mut verdicts = Vec::with_capacity(group.len());
        for one in group {
            verdicts.push(match self.settled(one) {
                Some(verdict) => verdict,
                None => match self.plan(one, &mut plan).await {
                    Ok(first) => Verdict::Written { first },
                    // What was tried must be undone in the database, too.
                    Err(Failure::Plugin(_)) => return Err(Stop::Message),
                    Err(failure) => self.refused(one, failure)?,
                },
            });
        }
        match self.execute(plan).await {
            Ok(()) => Ok(verdicts),
            Err(Failure::Trouble(Trouble::Constraint(_)) | Failure::Conflict) => Err(Stop::Message),
            Err(Failure::Plugin(reason)) => Err(Stop::Trouble(Trouble::Storage(reason))),
            Err(Failure::Trouble(trouble)) => Err(Stop::Trouble(trouble)),
        }
    }

    /// Writes message by message, each with a savepoint.
    pub async fn one_by_one(&mut self, group: &[Submission]) -> Result<Vec<Verdict>, Stop> {
        let mut verdicts = Vec::with_capacity(group.len());
        for one in group {
            verdicts.push(match self.settled(one) {
                Some(verdict) => verdict,
                None => self.alone(one).await?,
            });
        }
        Ok(verdicts)
    }

    async fn alone(&mut self, one: &Submission) -> Result<Verdict, Stop> {
        self.raw("SAVEPOINT message").await?;
        let (heads, grown) = (self.heads.clone(), self.grown.clone());
        let (mut plan, mut before) = (Plan::default(), Before::new());
        let mut written = self.plan_all(one, &mut plan, &mut before).await;
        if let Ok(first) = written {
            written = self.execute(plan).await.map(|()| first);
        }
        match written {
            Ok(first) => {
                self.raw("RELEASE SAVEPOINT message").await?;
                Ok(Verdict::Written { first })
            }
            Err(failure) => {
                self.keys.go_back(before);
                (self.heads, self.grown) = (heads, grown);
                if let Some(id) = &one.source.message_id {
                    self.ids.remove(&full_id(one.own.log.id, id));
                }
                let verdict = self.refused(one, failure)?;
                self.raw("ROLLBACK TO SAVEPOINT message").await?;
                Ok(verdict)
            }
        }
    }

    /// The verdict on a message that needs no writing: it is behind one that must be judged
    /// anew, or a repeat.
    fn settled(&self, one: &Submission) -> Option<Verdict> {
        let lane = Arc::as_ptr(&one.lane);
        if one.epoch != one.lane.epoch() || self.conflicted.contains(&lane) {
            return Some(Verdict::Behind);
        }
        let id = one.source.message_id.as_ref()?;
        let (body, receipt) = self.ids.get(&full_id(one.own.log.id, id))?;
        if *body == id.body {
            return Some(Verdict::Repeat(receipt.clone()));
        }
        let message =
            "this `_msg_id` was used for another message within 24 hours; choose a new one";
        Some(Verdict::Refused(Rejection::new(
            code::MSG_ID_REUSED,
            message,
        )))
    }

    /// Plans one message; nothing of it stays if it can't be.
    async fn plan<'g>(&mut self, one: &'g Submission, plan: &mut Plan<'g>) -> Result<u64, Failure> {
        let mut before = Before::new();
        // Keys are all that a message can fail by before it is written, and come first.
        let mut own = Plan::default();
        let (heads, grown) = (self.heads.clone(), self.grown.clone());
        match self.plan_all(one, &mut own, &mut before).await {
            Ok(first) => {
                plan.append(own);
                Ok(first)
            }
            Err(failure) => {
                self.keys.go_back(before);
                (self.heads, self.grown) = (heads, grown);
                Err(failure)
            }
        }
    }

    /// Rows, events and the message id. Returns the first offset of the message's own
    /// events; without any it stands where its log stands.
    async fn plan_all<'g>(
        &mut self,
        one: &'g Submission,
        plan: &mut Plan<'g>,
        before: &mut Before,
    ) -> Result<u64, Failure> {
        let stood = self.head(&one.own.log);
        for part in one.parts() {
            for (plugin, space) in part.keys.iter() {
                let applied = self
                    .keys
                    .apply(self.session, part.log.id, plugin, space, before);
                applied.await.map_err(|refusal| match refusal {
                    Refusal::Changed => Failure::Conflict,
                    Refusal::Plugin(reason) => Failure::Plugin(reason),
                    Refusal::Storage(error) => self.failure(&error),
                })?;
            }
        }
        for part in one.parts() {
            self.plan_part(one, part, plan);
        }
        let first = self.head(&one.own.log).min(stood + 1);
        if let Some(id) = &one.source.message_id {
            let position = one.own.log.position(first).to_string();
            plan.id(one.own.log.id, id, &position, one.rows, self.time);
            let rows = one.rows;
            let receipt = Receipt { position, rows };
            let full = full_id(one.own.log.id, id);
            self.ids.insert(full, (id.body, receipt));
        }
        Ok(first)
    }

    /// What a message brings to one endpoint, its keys aside.
    fn plan_part<'g>(&mut self, one: &Submission, part: &'g Part, plan: &mut Plan<'g>) {
        let before = self.head(&part.log);
        let head = plan.part(&one.source, part, before, self.time);
        if before != head {
            self.heads.insert(Arc::as_ptr(&part.log), head);
            self.grown.insert(part.log.id, head);
        }
    }

    async fn execute(&mut self, plan: Plan<'_>) -> Result<(), Failure> {
        let changes = plan.changes();
        let written = self.statements.write(self.session, changes).await;
        if !written.map_err(|error| self.failure(&error))? {
            return Err(Failure::Conflict);
        }
        self.rest(plan)
            .await
            .map_err(|error| self.failure(&error))?;
        self.wrote = true;
        Ok(())
    }

    async fn rest(&mut self, plan: Plan<'_>) -> sqlx::Result<()> {
        self.keys.store(self.session).await?;
        plan.write(self.session).await
    }

    /// A log's newest offset, what this pass has written included.
    fn head(&mut self, log: &Arc<EndpointLog>) -> u64 {
        let head = self.heads.entry(Arc::as_ptr(log));
        *head.or_insert_with(|| log.ring.head())
    }

    /// The verdict on a message that failed, if the others can go on.
    fn refused(&mut self, one: &Submission, failure: Failure) -> Result<Verdict, Stop> {
        match failure {
            Failure::Trouble(Trouble::Constraint(reason)) => {
                tracing::info!(endpoint = %one.own.log.name, reason, "the database refused a row");
                let message = format!("the database refused the row: {reason}");
                Ok(Verdict::Refused(Rejection::new(code::CONSTRAINT, message)))
            }
            Failure::Trouble(trouble) => Err(Stop::Trouble(trouble)),
            Failure::Plugin(reason) => {
                tracing::error!(endpoint = %one.own.log.name, reason, "a plugin's keys were not written");
                let message = "the plugin failed; its operator finds the cause in the log";
                Ok(Verdict::Refused(Rejection::new(
                    code::PLUGIN_FAILED,
                    message,
                )))
            }
            Failure::Conflict if one.source.attempts + 1 < ATTEMPTS => {
                self.conflicted.insert(Arc::as_ptr(&one.lane));
                Ok(Verdict::Conflict)
            }
            Failure::Conflict => {
                let message = "others changed the same at the same time; try again";
                Ok(Verdict::Refused(Rejection::new(code::CONFLICT, message)))
            }
        }
    }

    fn failure(&self, error: &sqlx::Error) -> Failure {
        Failure::Trouble(Trouble::of(self.session.flavor(), error))
    }

    async fn raw(&mut self, sql: &str) -> Result<(), Stop> {
        let done = self.session.raw(sql).await;
        let trouble = |error| Stop::Trouble(Trouble::of(self.session.flavor(), &error));
        done.map(drop).map_err(trouble)
    }
}
