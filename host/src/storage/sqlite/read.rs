//! Reading: history, single rows, and events that the ring no longer holds.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::now_micros;
use crate::filter::{Filter, View};
use crate::id::ConnectionId;
use crate::log::submission::{MessageId, Receipt};
use crate::log::{Audience, Event, Method};
use crate::row::{Cell, Row, RowWrite, Table};

use super::append::MESSAGE_ID_WINDOW;
use super::select;
use super::sql::{column_list, quoted, row_from};

/// Rows for one subscriber, as of one offset.
pub struct History {
    /// The log's newest offset at the moment the rows were read.
    pub head: u64,
    /// As they are shown.
    pub rows: Vec<Map<String, Value>>,
    /// There were more rows than the limits allow. The newest are the ones kept, or the
    /// first ones where the subscriber wants an order or a part of its own.
    pub truncated: bool,
}

/// How much history one subscriber gets.
#[derive(Debug, Clone, Copy)]
pub struct HistoryLimits {
    pub rows: usize,
    pub bytes: usize,
}

/// The read side of a SQLite database.
#[derive(Clone)]
pub struct SqliteReader {
    pub pool: SqlitePool,
}

impl SqliteReader {
    /// Head and what a view shows in one read transaction, which is over when this
    /// returns.
    pub async fn history(
        &self,
        log: i64,
        floor: u64,
        table: &Table,
        view: &View,
        limits: HistoryLimits,
    ) -> sqlx::Result<History> {
        let mut transaction = self.pool.begin().await?;
        let newest: Option<i64> =
            sqlx::query("SELECT max(offset) FROM hookcast_log WHERE endpoint = ?")
                .bind(log)
                .fetch_one(&mut *transaction)
                .await?
                .try_get(0)?;
        let part = select::part(table, view, limits.rows);
        let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0, false);
        {
            let mut stream = part.query().fetch(&mut *transaction);
            while let Some(result) = stream.try_next().await? {
                let row = part.row(&result)?;
                bytes += weight(&row);
                if rows.len() == limits.rows || bytes > limits.bytes {
                    truncated = true;
                    break;
                }
                rows.push(part.select.to_json(&row.0));
            }
        }
        transaction.rollback().await?;
        if part.newest_first {
            rows.reverse();
        }
        Ok(History {
            head: newest.map_or(floor, |n| n as u64),
            rows,
            truncated,
        })
    }

    /// The row with this id, as committed.
    pub async fn row(&self, table: &Table, id: &str) -> sqlx::Result<Option<Row>> {
        let sql = format!(
            "SELECT {} FROM {} WHERE id = ?",
            column_list(table),
            quoted(&table.name)
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        found.map(|result| row_from(&result, table)).transpose()
    }

    /// Committed rows that pass the filter, oldest first.
    pub async fn rows(&self, table: &Table, filter: &Filter, limit: u32) -> sqlx::Result<Vec<Row>> {
        let part = select::whole(table, filter, limit);
        let found = part.query().fetch_all(&self.pool).await?;
        found.iter().map(|result| part.row(result)).collect()
    }

    /// What a view shows of committed rows, oldest first unless it says otherwise.
    pub async fn select(
        &self,
        table: &Table,
        view: &View,
        limit: u32,
    ) -> sqlx::Result<Vec<Map<String, Value>>> {
        let part = select::first(table, view, limit);
        let found = part.query().fetch_all(&self.pool).await?;
        let rows = found.iter().map(|result| part.row(result));
        rows.map(|row| Ok(part.select.to_json(&row?.0))).collect()
    }

    /// What the sender of a message with this id and this body was told, if it was
    /// committed.
    pub async fn receipt(&self, log: i64, id: &MessageId) -> sqlx::Result<Option<Receipt>> {
        let found: Option<(String, Option<i64>)> = sqlx::query_as(
            "SELECT position, rows FROM hookcast_message_ids \
             WHERE endpoint = ? AND sender = ? AND id = ? AND body = ? AND time > ?",
        )
        .bind(log)
        .bind(&id.sender)
        .bind(&id.id)
        .bind(&id.body[..])
        .bind(now_micros() - MESSAGE_ID_WINDOW)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.map(|(position, rows)| Receipt::stored(position, rows)))
    }

    /// The offset from which on the newest `count` entries begin; none in an empty log.
    pub async fn oldest(&self, log: i64, count: usize) -> sqlx::Result<Option<u64>> {
        let oldest: Option<i64> = sqlx::query(
            "SELECT min(offset) FROM (SELECT offset FROM hookcast_log WHERE endpoint = ? \
             ORDER BY offset DESC LIMIT ?)",
        )
        .bind(log)
        .bind(count as i64)
        .fetch_one(&self.pool)
        .await?
        .try_get(0)?;
        Ok(oldest.map(|offset| offset as u64))
    }

    /// The offset from which on the newest `count` changes of rows begin; none without
    /// any.
    pub async fn oldest_change(&self, log: i64, count: u64) -> sqlx::Result<Option<u64>> {
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min(offset) FROM (SELECT offset FROM hookcast_log \
             WHERE endpoint = ? AND method IS NOT NULL ORDER BY offset DESC LIMIT ?)",
        )
        .bind(log)
        .bind(count as i64)
        .fetch_one(&self.pool)
        .await?;
        Ok(oldest.map(|offset| offset as u64))
    }

    /// Up to `limit` events after `offset`, at most about `bytes` of them. Empty when
    /// there are none, or when the log was cut in between.
    pub async fn events(
        &self,
        log: i64,
        table: Option<&Table>,
        offset: u64,
        limit: usize,
        bytes: usize,
    ) -> sqlx::Result<Vec<Arc<Event>>> {
        let mut stream = sqlx::query(
            "SELECT offset, time, method, audience, origin, origin_user, exclude_origin, row, old, \
             sent, judged_by FROM hookcast_log WHERE endpoint = ? AND offset > ? \
             ORDER BY offset LIMIT ?",
        )
        .bind(log)
        .bind(offset as i64)
        .bind(limit as i64)
        .fetch(&self.pool);
        let (mut events, mut taken) = (Vec::new(), 0);
        while let Some(result) = stream.try_next().await? {
            let event = event_from(&result, table)?;
            taken += event.weight();
            events.push(Arc::new(event));
            if taken > bytes {
                break;
            }
        }
        if events
            .first()
            .is_some_and(|event| event.offset != offset + 1)
        {
            events.clear();
        }
        Ok(events)
    }
}

pub(super) fn weight(row: &Row) -> usize {
    let cells = row.0.iter().map(|cell| match cell {
        Cell::Text(text) => text.len() + size_of::<Cell>(),
        _ => size_of::<Cell>(),
    });
    cells.sum()
}

fn event_from(result: &SqliteRow, table: Option<&Table>) -> sqlx::Result<Event> {
    let offset: i64 = result.try_get(0)?;
    let method: Option<String> = result.try_get(2)?;
    let audience: String = result.try_get(3)?;
    let origin: Option<String> = result.try_get(4)?;
    let origin_user: Option<String> = result.try_get(5)?;
    let row: Option<String> = result.try_get(7)?;
    let old: Option<String> = result.try_get(8)?;
    let sent: String = result.try_get(9)?;
    let judged_by: String = result.try_get(10)?;
    let parsed = |text: Option<String>| Some(row_from_json(&text?, table?));
    let change = match (parsed(row), parsed(old)) {
        (None, None) => None,
        (Some(row), None) => Some(RowWrite::Insert { row }),
        (Some(row), Some(old)) => Some(RowWrite::Update { old, row }),
        (None, Some(old)) => Some(RowWrite::Delete { old }),
    };
    Ok(Event {
        offset: offset as u64,
        time: result.try_get(1)?,
        method: method.as_deref().and_then(Method::parse),
        audience: Audience::parse(&audience).unwrap_or(Audience::All),
        origin: origin.as_deref().and_then(ConnectionId::parse),
        origin_user: origin_user.map(Into::into),
        exclude_origin: result.try_get(6)?,
        change,
        sent: sent.into(),
        judged_by: judged_by.into(),
    })
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
