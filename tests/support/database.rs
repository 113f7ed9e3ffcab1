//! The server's database, seen from outside.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// An entry of an endpoint's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub offset: u64,
    /// The message as broadcast.
    pub sent: Value,
}

/// Opens the file for reading.
pub fn open(path: &Path) -> Connection {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An endpoint's log, oldest first.
pub fn log(connection: &Connection, endpoint: &str) -> Vec<Entry> {
    let mut statement = connection
        .prepare(
            "SELECT offset, sent FROM hookcast_log JOIN hookcast_endpoints \
             ON hookcast_endpoints.id = hookcast_log.endpoint WHERE name = ? ORDER BY offset",
        )
        .expect("the log's tables");
    let entries = statement.query_map([endpoint], |row| {
        let sent: String = row.get(1)?;
        let offset: i64 = row.get(0)?;
        Ok(Entry {
            offset: offset as u64,
            sent: serde_json::from_str(&sent).expect("JSON"),
        })
    });
    entries
        .expect("the log")
        .map(|entry| entry.expect("an entry"))
        .collect()
}

/// Fails unless the offsets are 1, 2, 3 …
#[track_caller]
pub fn assert_gapless(log: &[Entry]) {
    for (at, entry) in log.iter().enumerate() {
        assert_eq!(entry.offset, at as u64 + 1, "offsets are gapless");
    }
}

/// One value.
pub fn value<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> T {
    connection
        .query_row(sql, [], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}
