//! Reading: history, single rows, and events that the ring no longer holds.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use crate::clock::now_micros;
use crate::filter::{Filter, View};
use crate::log::Event;
use crate::log::appender::MESSAGE_ID_WINDOW;
use crate::log::submission::{MessageId, Receipt};
use crate::row::{ColumnType, Row, Table};
use crate::storage::stored::{StoredEvent, weight};
use crate::storage::{History, HistoryLimits, Next};

use super::select;
use super::sql::{column_list, quoted, row_from};

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

    /// The row with this key, as committed.
    pub async fn row(&self, table: &Table, id: &str) -> sqlx::Result<Option<Row>> {
        let key = table.key();
        let sql = format!(
            "SELECT {} FROM {} WHERE {} = ?",
            column_list(table),
            quoted(&table.name),
            quoted(&key.name)
        );
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = match key.kind {
            ColumnType::Integer => query.bind(id.parse::<i64>().ok()),
            _ => query.bind(id),
        };
        let found = query.fetch_optional(&self.pool).await?;
        found.map(|result| row_from(&result, table)).transpose()
    }

    /// The next number for the table's key.
    pub async fn next_number(&self, table: &Table) -> sqlx::Result<Next> {
        let (key, table) = (quoted(&table.key().name), quoted(&table.name));
        let sql = format!("SELECT coalesce(max({key}), 0) + 1 FROM {table}");
        let next = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&self.pool)
            .await?;
        Ok(Next::From(next))
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

fn event_from(result: &SqliteRow, table: Option<&Table>) -> sqlx::Result<Event> {
    let stored = StoredEvent {
        offset: result.try_get(0)?,
        time: result.try_get(1)?,
        method: result.try_get(2)?,
        audience: result.try_get(3)?,
        origin: result.try_get(4)?,
        origin_user: result.try_get(5)?,
        exclude_origin: result.try_get(6)?,
        row: result.try_get(7)?,
        old: result.try_get(8)?,
        sent: result.try_get(9)?,
        judged_by: result.try_get(10)?,
    };
    Ok(stored.event(table))
}
