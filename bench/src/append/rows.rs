//! The rows that every variant writes, and the tables they go into.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rusqlite::Connection;

/// `Arc<str>` because the host keeps these texts for delivery after the write, and because sqlx
/// takes one without copying it.
#[derive(Clone)]
pub struct Message {
    pub id: Arc<str>,
    pub user: Arc<str>,
    pub timestamp: Arc<str>,
    pub body: Arc<str>,
    /// Microseconds since 1970.
    pub time: i64,
    pub offset: i64,
    /// The row as JSON, and what was sent where a plugin changed it: what the log keeps.
    pub row: Arc<str>,
    pub sent: Arc<str>,
}

pub const ENDPOINT: i64 = 1;
pub const METHOD: &str = "POST";
pub const ORIGIN: &str = "connection-17";
pub const DIGEST: &str = "sha256:0f343b0931126a20f133d67c2b018a3b";

pub fn generate(count: usize) -> Vec<Message> {
    let body: Arc<str> = "x".repeat(128).into();
    (0..count)
        .map(|n| {
            // 22 characters with the scatter of a random id, which is what the table's index sees.
            let scatter = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let id = format!("{scatter:016x}{n:06}");
            let timestamp = format!("2026-01-02T03:04:05.{:06}", n % 1_000_000);
            let row = format!(
                r#"{{"body":"{body}","id":"{id}","user":"ann","timestamp":"{timestamp}"}}"#
            );
            let sent = format!(
                r#"{{"body":"{body}","hop":1,"_method":"POST","id":"{id}","user":"ann","timestamp":"{timestamp}"}}"#
            );
            Message {
                id: id.into(),
                user: "ann".into(),
                timestamp: timestamp.into(),
                body: body.clone(),
                time: 1_767_323_045_000_000 + n as i64,
                offset: n as i64 + 1,
                row: row.into(),
                sent: sent.into(),
            }
        })
        .collect()
}

pub fn create_tables(path: &Path) -> Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE chat (id TEXT PRIMARY KEY NOT NULL, user TEXT, timestamp TEXT, body TEXT);
         CREATE TABLE hookcast_log (
             endpoint INTEGER NOT NULL, \"offset\" INTEGER NOT NULL, time INTEGER NOT NULL,
             method TEXT NOT NULL, origin TEXT, row TEXT, old TEXT, sent TEXT, digest TEXT,
             PRIMARY KEY (endpoint, \"offset\")
         ) WITHOUT ROWID;",
    )?;
    Ok(())
}

/// Rows in the table and in the log.
pub fn count(path: &Path) -> Result<(i64, i64)> {
    let connection = Connection::open(path)?;
    let counts = connection.query_row(
        "SELECT (SELECT count(*) FROM chat), (SELECT count(*) FROM hookcast_log)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(counts)
}
