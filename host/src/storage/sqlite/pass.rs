//! One pass over a group of messages, inside of an open transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Statement, params};

use super::append::MESSAGE_ID_WINDOW;
use super::keyvalue::{Keyspace, Refusal};
use super::outbox;
use super::statements::{Statements, TableSql};
use crate::log::appender::Verdict;
use crate::log::submission::{ATTEMPTS, Draft, MessageId, Receipt};
use crate::log::{EndpointLog, Lane, Part, Source, Submission};
use crate::rejection::{Rejection, code};
use crate::row::{Cell, Row, RowWrite};

/// Why a pass over a group stopped.
pub enum Stop {
    /// This message can't be written as part of the group; repeat with savepoints.
    Message,
    /// Nothing can be written now.
    Storage(rusqlite::Error),
}

/// Why a single message can't be written.
enum Failure {
    Constraint(String),
    /// The log refused an entry: a mistake of the host.
    Log(String),
    /// A plugin wants something of its key-value storage that can't be done.
    Plugin(String),
    Conflict,
    Storage(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
                Self::Constraint(error.to_string())
            }
            _ => Self::Storage(error),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Changed => Self::Conflict,
            Refusal::Plugin(reason) => Self::Plugin(reason),
            Refusal::Storage(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error)
    }
}

/// Remembers what the messages before have done.
pub struct Pass<'a> {
    connection: &'a Connection,
    statements: &'a Statements,
    time: i64,
    savepoints: bool,
    /// The newest offset of each log, this pass included.
    heads: HashMap<*const EndpointLog, u64>,
    /// Lanes of which a message must be judged anew: what follows in them must, too.
    conflicted: HashSet<*const Lane>,
}

impl<'a> Pass<'a> {
    pub fn new(
        connection: &'a Connection,
        statements: &'a Statements,
        time: i64,
        savepoints: bool,
    ) -> Self {
        Self {
            connection,
            statements,
            time,
            savepoints,
            heads: HashMap::new(),
            conflicted: HashSet::new(),
        }
    }

    /// Writes one message, or says why not.
    pub fn message(&mut self, one: &Submission) -> Result<Verdict, Stop> {
        let lane = Arc::as_ptr(&one.lane);
        if one.epoch != one.lane.epoch() || self.conflicted.contains(&lane) {
            return Ok(Verdict::Behind);
        }
        if let Some(id) = &one.source.message_id
            && let Some(verdict) = self.repeated(one.own.log.id, id)?
        {
            return Ok(verdict);
        }
        let written = if self.savepoints {
            let heads: Vec<_> = one.parts().map(|part| self.head(&part.log)).collect();
            self.run("SAVEPOINT message")?;
            let written = self.write(one);
            if written.is_err() {
                self.run("ROLLBACK TO message")?;
                for (part, head) in one.parts().zip(heads) {
                    self.heads.insert(Arc::as_ptr(&part.log), head);
                }
            }
            self.run("RELEASE message")?;
            written
        } else {
            self.write(one)
        };
        match written {
            Ok(first) => Ok(Verdict::Written { first }),
            Err(Failure::Storage(error)) => Err(Stop::Storage(error)),
            Err(_) if !self.savepoints => Err(Stop::Message),
            Err(Failure::Constraint(reason)) => {
                tracing::info!(endpoint = %one.own.log.name, reason, "the database refused a row");
                let message = format!("the database refused the row: {reason}");
                Ok(Verdict::Refused(Rejection::new(code::CONSTRAINT, message)))
            }
            Err(Failure::Log(reason)) => {
                tracing::error!(endpoint = %one.own.log.name, reason, "the log refused an entry");
                let message = "an error inside the server; its log has more";
                Ok(Verdict::Refused(Rejection::new(code::INTERNAL, message)))
            }
            Err(Failure::Plugin(reason)) => {
                tracing::error!(endpoint = %one.own.log.name, reason, "a plugin's keys were not written");
                let message = "the plugin failed; its operator finds the cause in the log";
                Ok(Verdict::Refused(Rejection::new(
                    code::PLUGIN_FAILED,
                    message,
                )))
            }
            Err(Failure::Conflict) if one.source.attempts + 1 < ATTEMPTS => {
                self.conflicted.insert(lane);
                Ok(Verdict::Conflict)
            }
            Err(Failure::Conflict) => {
                let message = "others changed the same at the same time; try again";
                Ok(Verdict::Refused(Rejection::new(code::CONFLICT, message)))
            }
        }
    }

    /// A log's newest offset, what this pass has written included.
    fn head(&mut self, log: &Arc<EndpointLog>) -> u64 {
        let head = self.heads.entry(Arc::as_ptr(log));
        *head.or_insert_with(|| log.ring.head())
    }

    /// Writes rows, events and the message id. Returns the first offset of the message's
    /// own events; without any it stands where its log stands.
    fn write(&mut self, one: &Submission) -> Result<u64, Failure> {
        let before = self.head(&one.own.log);
        self.part(one, &one.own)?;
        let first = self.head(&one.own.log).min(before + 1);
        for part in &one.published {
            self.part(one, part)?;
        }
        if let Some(id) = &one.source.message_id {
            let position = one.own.log.position(first).to_string();
            self.prepare(
                "INSERT INTO hookcast_message_ids VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                 ON CONFLICT DO UPDATE SET body = ?4, position = ?5, time = ?6, rows = ?7",
            )?
            .execute(params![
                one.own.log.id,
                id.sender,
                id.id,
                id.body,
                position,
                self.time,
                one.rows
            ])?;
        }
        Ok(first)
    }

    /// Writes what a message brings to one endpoint.
    fn part(&mut self, one: &Submission, part: &Part) -> Result<(), Failure> {
        for (plugin, space) in part.keys.iter() {
            let keyspace = Keyspace {
                connection: self.connection,
                log: part.log.id,
                plugin,
                time: self.time,
            };
            keyspace.write(space)?;
        }
        for alert in &part.alerts.alerts {
            outbox::post(self.connection, part.log.id, alert, self.time)?;
        }
        let mut offset = self.head(&part.log);
        for draft in part.drafts() {
            if let (Some(change), Some(table)) = (&draft.change, &part.table) {
                self.change(self.statements.of(table), change)?;
            }
            offset += 1;
            self.event(&one.source, part, draft, offset)
                .map_err(|failure| match failure {
                    Failure::Constraint(reason) => Failure::Log(reason),
                    other => other,
                })?;
        }
        self.heads.insert(Arc::as_ptr(&part.log), offset);
        Ok(())
    }

    fn change(&self, sql: &TableSql, change: &RowWrite) -> Result<(), Failure> {
        let changed = match change {
            RowWrite::Insert { row } => self.execute(&sql.insert, row.0.iter())?,
            RowWrite::Update { old, row } => {
                self.execute(&sql.update, row.0.iter().chain(&old.0))?
            }
            RowWrite::Delete { old } => self.execute(&sql.delete, old.0.iter())?,
        };
        if changed == 1 {
            Ok(())
        } else {
            Err(Failure::Conflict)
        }
    }

    fn event(
        &self,
        source: &Source,
        part: &Part,
        draft: &Draft,
        offset: u64,
    ) -> Result<(), Failure> {
        let table = part.table.as_deref();
        let text = |row: Option<&Row>| {
            let object = row?.to_json(table?);
            Some(serde_json::Value::Object(object).to_string())
        };
        let (row, old) = match &draft.change {
            None => (None, None),
            Some(RowWrite::Insert { row }) => (Some(row), None),
            Some(RowWrite::Update { old, row }) => (Some(row), Some(old)),
            Some(RowWrite::Delete { old }) => (None, Some(old)),
        };
        self.prepare(
            "INSERT INTO hookcast_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            part.log.id,
            offset as i64,
            self.time,
            draft.method.map(|method| method.as_str()),
            draft.audience.to_text(),
            source.connection.to_string(),
            source.user.as_deref(),
            draft.exclude_origin,
            text(row),
            text(old),
            draft.sent,
            &*part.judged_by,
        ])?;
        Ok(())
    }

    /// The verdict on a message whose id was committed before, if it was.
    fn repeated(&self, log: i64, id: &MessageId) -> Result<Option<Verdict>, Stop> {
        let known = self
            .prepare(
                "SELECT body, position, rows FROM hookcast_message_ids \
                 WHERE endpoint = ? AND sender = ? AND id = ? AND time > ?",
            )?
            .query_row(
                params![log, id.sender, id.id, self.time - MESSAGE_ID_WINDOW],
                |row| {
                    let receipt = Receipt::stored(row.get(1)?, row.get(2)?);
                    Ok((row.get::<_, [u8; 16]>(0)?, receipt))
                },
            )
            .optional()?;
        Ok(known.map(|(body, receipt)| {
            if body == id.body {
                return Verdict::Repeat(receipt);
            }
            let message =
                "this `_msg_id` was used for another message within 24 hours; choose a new one";
            Verdict::Refused(Rejection::new(code::MSG_ID_REUSED, message))
        }))
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<rusqlite::CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    fn run(&self, sql: &str) -> rusqlite::Result<usize> {
        self.prepare(sql)?.execute([])
    }

    fn execute<'c>(
        &self,
        sql: &str,
        cells: impl Iterator<Item = &'c Cell>,
    ) -> rusqlite::Result<usize> {
        let mut statement = self.prepare(sql)?;
        bind(&mut statement, cells)?;
        statement.raw_execute()
    }
}

fn bind<'c>(
    statement: &mut Statement<'_>,
    cells: impl Iterator<Item = &'c Cell>,
) -> rusqlite::Result<()> {
    for (at, cell) in cells.enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    Ok(())
}
