//! An entry of a log as every database stores it.

use serde_json::{Map, Value};

use crate::id::ConnectionId;
use crate::log::{Audience, Event, Method};
use crate::row::{Cell, Row, RowWrite, Table};

/// The columns of `hookcast_log`.
pub struct StoredEvent {
    pub offset: i64,
    pub time: i64,
    pub method: Option<String>,
    pub audience: String,
    pub origin: Option<String>,
    pub origin_user: Option<String>,
    pub exclude_origin: bool,
    pub row: Option<String>,
    pub old: Option<String>,
    pub sent: String,
    pub judged_by: String,
}

impl StoredEvent {
    /// The event that was logged, its rows in the table's present columns.
    pub fn event(self, table: Option<&Table>) -> Event {
        let parsed = |text: Option<String>| Some(row_from_json(&text?, table?));
        let change = match (parsed(self.row), parsed(self.old)) {
            (None, None) => None,
            (Some(row), None) => Some(RowWrite::Insert { row }),
            (Some(row), Some(old)) => Some(RowWrite::Update { old, row }),
            (None, Some(old)) => Some(RowWrite::Delete { old }),
        };
        Event {
            offset: self.offset as u64,
            time: self.time,
            method: self.method.as_deref().and_then(Method::parse),
            audience: Audience::parse(&self.audience).unwrap_or(Audience::All),
            origin: self.origin.as_deref().and_then(ConnectionId::parse),
            origin_user: self.origin_user.map(Into::into),
            exclude_origin: self.exclude_origin,
            change,
            sent: self.sent.into(),
            judged_by: self.judged_by.into(),
        }
    }
}

/// A logged row in the table's present columns: one added since is NULL.
fn row_from_json(text: &str, table: &Table) -> Row {
    let object: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let cells = table.columns.iter().map(|column| {
        let value = object.get(&column.name).unwrap_or(&Value::Null);
        Cell::from_json(value, column.kind).unwrap_or(Cell::Null)
    });
    Row(cells.collect())
}

/// Bytes that a row takes, about.
pub fn weight(row: &Row) -> usize {
    let cells = row.0.iter().map(|cell| match cell {
        Cell::Text(text) => text.len() + size_of::<Cell>(),
        _ => size_of::<Cell>(),
    });
    cells.sum()
}
