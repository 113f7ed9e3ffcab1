//! sqlx: the same rows in set-based statements, in three styles, and per row for contrast.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::rows::{DIGEST, ENDPOINT, METHOD, Message, ORIGIN};
use super::{Stopwatch, Synchronous};

#[derive(Clone, Copy)]
pub enum Style {
    /// One `INSERT … SELECT FROM json_each(?)` per table.
    JsonEach,
    /// The same with BEGIN and COMMIT in one SQL text: one hop to sqlx's thread instead of four.
    JsonEachOneCall,
    /// `VALUES (…), (…)` in blocks of a few fixed lengths, so that prepared statements are reused.
    Values,
    PerRow,
}

const CHAT_JSON: &str = "INSERT INTO chat (id, user, timestamp, body) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)";
const LOG_JSON: &str = "INSERT INTO hookcast_log \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
           value ->> 6, value ->> 7, value ->> 8 FROM json_each(?)";
/// Nine values a row stay far below SQLite's limit of 32,766 variables.
const LARGEST_BLOCK: usize = 128;

pub fn write(
    path: &Path,
    synchronous: Synchronous,
    messages: &[Message],
    size: usize,
    style: Style,
) -> Result<(usize, Duration, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let level = match synchronous {
            Synchronous::Full => SqliteSynchronous::Full,
            Synchronous::Normal => SqliteSynchronous::Normal,
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(level)
            .disable_statement_logging()
            .connect()
            .await?;
        let one_call = format!("BEGIN IMMEDIATE; {CHAT_JSON}; {LOG_JSON}; COMMIT");
        let watch = Stopwatch::start();
        let mut written = 0;
        for group in messages.chunks_exact(size) {
            if let Style::JsonEachOneCall = style {
                sqlx::query(AssertSqlSafe(one_call.as_str()))
                    .bind(chat_json(group)?)
                    .bind(log_json(group)?)
                    .execute(&mut connection)
                    .await?;
            } else {
                sqlx::query("BEGIN IMMEDIATE")
                    .execute(&mut connection)
                    .await?;
                insert(&mut connection, group, style).await?;
                sqlx::query("COMMIT").execute(&mut connection).await?;
            }
            written += size;
            if watch.expired() {
                break;
            }
        }
        let (cpu, wall) = watch.stop();
        connection.close().await?;
        Ok((written, cpu, wall))
    })
}

async fn insert(connection: &mut SqliteConnection, group: &[Message], style: Style) -> Result<()> {
    match style {
        Style::JsonEach | Style::JsonEachOneCall => {
            sqlx::query(CHAT_JSON)
                .bind(chat_json(group)?)
                .execute(&mut *connection)
                .await?;
            sqlx::query(LOG_JSON)
                .bind(log_json(group)?)
                .execute(&mut *connection)
                .await?;
        }
        Style::Values => {
            let mut rest = group;
            while !rest.is_empty() {
                let (block, tail) = rest.split_at(block_length(rest.len()));
                values(connection, block).await?;
                rest = tail;
            }
        }
        Style::PerRow => {
            for message in group {
                values(connection, std::slice::from_ref(message)).await?;
            }
        }
    }
    Ok(())
}

/// The largest power of two that fits: every group is made of at most eight different statements.
fn block_length(rows: usize) -> usize {
    (1 << rows.ilog2()).min(LARGEST_BLOCK)
}

async fn values(connection: &mut SqliteConnection, block: &[Message]) -> Result<()> {
    let sql = format!(
        "INSERT INTO chat (id, user, timestamp, body) VALUES {}",
        tuples(4, block)
    );
    let mut chat = sqlx::query(AssertSqlSafe(sql));
    for m in block {
        chat = chat
            .bind(m.id.clone())
            .bind(m.user.clone())
            .bind(m.timestamp.clone())
            .bind(m.body.clone());
    }
    chat.execute(&mut *connection).await?;
    let mut log = sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO hookcast_log VALUES {}",
        tuples(9, block)
    )));
    for m in block {
        log = log
            .bind(ENDPOINT)
            .bind(m.offset)
            .bind(m.time)
            .bind(METHOD)
            .bind(ORIGIN)
            .bind(m.row.clone())
            .bind(None::<&str>)
            .bind(m.sent.clone())
            .bind(DIGEST);
    }
    log.execute(connection).await?;
    Ok(())
}

/// `(?,?,?),(?,?,?)` for a block of rows.
fn tuples(columns: usize, block: &[Message]) -> String {
    let tuple = format!("({})", vec!["?"; columns].join(","));
    vec![tuple.as_str(); block.len()].join(",")
}

fn chat_json(group: &[Message]) -> Result<String> {
    array(group, |m| (&*m.id, &*m.user, &*m.timestamp, &*m.body))
}

fn log_json(group: &[Message]) -> Result<String> {
    array(group, |m| {
        let old = None::<&str>;
        (
            ENDPOINT, m.offset, m.time, METHOD, ORIGIN, &*m.row, old, &*m.sent, DIGEST,
        )
    })
}

fn array<'m, T: Serialize>(
    group: &'m [Message],
    tuple: impl Fn(&'m Message) -> T,
) -> Result<String> {
    let rows: Vec<T> = group.iter().map(tuple).collect();
    Ok(serde_json::to_string(&rows)?)
}
