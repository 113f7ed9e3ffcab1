//! Reading: history, rows, and events that the ring no longer holds.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait as _, Order, Value as SqlValue};
use serde_json::{Map, Value};

use super::flavor::quoted;
use super::found::Found;
use super::rows::held;
use super::session::{Pool, Session};
use super::{Flavor, rows};
use crate::clock::now_micros;
use crate::filter::select::Select;
use crate::filter::{Filter, View};
use crate::log::Event;
use crate::log::appender::MESSAGE_ID_WINDOW;
use crate::log::submission::{MessageId, Receipt};
use crate::row::{Cell, ColumnType, Row, Table};
use crate::storage::stored::{StoredEvent, weight};
use crate::storage::{History, HistoryLimits, Next};

/// The read side of a database on a server.
#[derive(Clone)]
pub struct ServerReader {
    pub pool: Pool,
}

impl ServerReader {
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
        let mut snapshot = self.pool.snapshot().await?;
        let head = "SELECT head FROM hookcast_endpoints WHERE id = ?";
        let head = snapshot.fetch(head, vec![log.into()]).await?;
        let head = head.into_iter().next().unwrap_or_default().number()?;
        let most = u64::try_from(limits.rows).unwrap_or(u64::MAX);
        let most = std::cmp::min(most.saturating_add(1), i64::MAX as u64);
        let asked = !view.shaping.is_none();
        let select = self.view(table, view, most, asked);
        let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0, false);
        self.each(&mut snapshot, &select, |row| {
            bytes += weight(&row);
            if rows.len() == limits.rows || bytes > limits.bytes {
                truncated = true;
                return false;
            }
            rows.push(select.to_json(&row.0));
            true
        })
        .await?;
        if !asked {
            // The last ones were asked for, beginning with the last.
            rows.reverse();
        }
        Ok(History {
            head: head.map_or(floor, |head| head as u64),
            rows,
            truncated,
        })
    }

    /// The row with this key, as committed.
    pub async fn row(&self, table: &Table, id: &str) -> sqlx::Result<Option<Row>> {
        let key = table.key();
        let cell = match key.kind {
            ColumnType::Integer => id.parse().map(Cell::Integer).ok(),
            _ => key.form.stored(Cell::Text(id.to_owned())).ok(),
        };
        // Else it is the key of no row.
        let Some(cell) = cell else { return Ok(None) };
        let mut select = Select::rows(self.flavor().database(), table, &Filter::default());
        let value = held(self.flavor(), key, &cell);
        let same = Expr::col(key.name.clone()).eq(value);
        select.statement.and_where(same);
        // A collation may take others for equal.
        let rows = self.collect(&select, usize::MAX).await?;
        let rows = rows.unwrap_or_default().into_iter();
        Ok(rows
            .into_iter()
            .find(|row| row.0.get(table.key) == Some(&cell)))
    }

    /// The next number for the table's key: that of its sequence, where it has one.
    pub async fn next_number(&self, table: &Table) -> sqlx::Result<Next> {
        if self.flavor() == Flavor::Postgres {
            let sql = "SELECT nextval(pg_get_serial_sequence(?, ?)::regclass) \
                       WHERE pg_get_serial_sequence(?, ?) IS NOT NULL";
            let (name, key) = (quoted(&table.name), table.key().name.clone());
            let values = [&name, &key, &name, &key].map(|text| text.clone().into());
            if let Some(mut found) = self.pool.first(sql, values.to_vec()).await? {
                return found.integer().map(Next::Own);
            }
        }
        let (key, table) = (quoted(&table.key().name), quoted(&table.name));
        let sql = format!("SELECT coalesce(max({key}), 0) + 1 FROM {table}");
        let found = self.pool.first(&sql, Vec::new()).await?;
        found.unwrap_or_default().integer().map(Next::From)
    }

    /// Committed rows that pass the filter, oldest first. None if there are more of them,
    /// or larger ones, than this.
    pub async fn selected(
        &self,
        table: &Table,
        filter: &Filter,
        most: u32,
        most_bytes: usize,
    ) -> sqlx::Result<Option<Vec<Row>>> {
        let mut select = Select::rows(self.flavor().database(), table, filter);
        rows::oldest_first(&mut select.statement, table, Order::Asc);
        select.statement.limit(u64::from(most) + 1);
        let rows = self.collect(&select, most_bytes).await?;
        Ok(rows.filter(|rows| rows.len() <= most as usize))
    }

    /// What a view shows of committed rows, oldest first unless it says otherwise.
    pub async fn select(
        &self,
        table: &Table,
        view: &View,
        limit: u32,
    ) -> sqlx::Result<Vec<Map<String, Value>>> {
        let select = self.view(table, view, u64::from(limit), true);
        let rows = self.collect(&select, usize::MAX).await?;
        let rows = rows.unwrap_or_default();
        Ok(rows.iter().map(|row| select.to_json(&row.0)).collect())
    }

    /// What the sender of a message with this id and this body was told, if it was
    /// committed.
    pub async fn receipt(&self, log: i64, id: &MessageId) -> sqlx::Result<Option<Receipt>> {
        let sql = "SELECT position, changed FROM hookcast_message_ids \
                   WHERE endpoint = ? AND sender = ? AND id = ? AND body = ? AND time > ?";
        let values = vec![
            log.into(),
            id.sender.as_bytes().to_vec().into(),
            id.id.as_bytes().to_vec().into(),
            id.body.to_vec().into(),
            (now_micros() - MESSAGE_ID_WINDOW).into(),
        ];
        let found = self.pool.first(sql, values).await?;
        let receipt = found.map(|mut found| Ok(Receipt::stored(found.text()?, found.number()?)));
        receipt.transpose()
    }

    /// The offset from which on the newest `count` entries begin; none in an empty log.
    pub async fn oldest(&self, log: i64, count: usize) -> sqlx::Result<Option<u64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.newest_from(log, "", count).await
    }

    /// The offset from which on the newest `count` changes of rows begin; none without
    /// any.
    pub async fn oldest_change(&self, log: i64, count: u64) -> sqlx::Result<Option<u64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.newest_from(log, "AND method IS NOT NULL", count).await
    }

    async fn newest_from(&self, log: i64, what: &str, count: i64) -> sqlx::Result<Option<u64>> {
        let sql = format!(
            "SELECT min(\"offset\") FROM (SELECT \"offset\" FROM hookcast_log \
             WHERE endpoint = ? {what} ORDER BY \"offset\" DESC LIMIT ?) AS newest"
        );
        let found = self
            .pool
            .first(&sql, vec![log.into(), count.into()])
            .await?;
        let oldest = found.unwrap_or_default().number()?;
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
        let sql = self.flavor().marked(
            "SELECT \"offset\", time, method, audience, origin, origin_user, exclude_origin, \
             \"row\", old, sent, judged_by FROM hookcast_log WHERE endpoint = ? AND \
             \"offset\" > ? ORDER BY \"offset\" LIMIT ?",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: [SqlValue; 3] = [log.into(), (offset as i64).into(), limit.into()];
        let values = sea_query_sqlx::SqlxValues(sea_query::Values(values.to_vec()));
        let (mut events, mut taken, mut broken) = (Vec::new(), 0, None);
        let mut session = self.pool.session().await?;
        let read = session.each(sql, values, |found| match event_from(found, table) {
            Ok(event) => {
                taken += event.weight();
                events.push(Arc::new(event));
                taken <= bytes
            }
            Err(error) => {
                broken = Some(error);
                false
            }
        });
        read.await?;
        if let Some(error) = broken {
            return Err(error);
        }
        let first = events.first();
        if first.is_some_and(|event: &Arc<Event>| event.offset != offset + 1) {
            events.clear();
        }
        Ok(events)
    }

    fn flavor(&self) -> Flavor {
        self.pool.flavor()
    }

    /// A view's statement: in its own order, or the newest rows first.
    fn view(&self, table: &Table, view: &View, most: u64, asked: bool) -> Select {
        let mut select = Select::view(self.flavor().database(), table, view);
        let shaping = &view.shaping;
        if !asked {
            rows::oldest_first(&mut select.statement, table, Order::Desc);
            select.statement.limit(most);
            return select;
        }
        if shaping.by.is_none() {
            // Rows that are equal to the order asked for.
            rows::oldest_first(&mut select.statement, table, Order::Asc);
        }
        let limit = shaping
            .limit
            .map_or(most, |limit| std::cmp::min(limit, most));
        select.statement.limit(limit).offset(shaping.offset);
        select
    }

    async fn each(
        &self,
        session: &mut Session,
        select: &Select,
        mut take: impl FnMut(Row) -> bool,
    ) -> sqlx::Result<()> {
        let (sql, values) = self.flavor().built(&select.statement);
        let read = session.each(sql, values, |mut found| {
            let cells = select.outputs.iter().map(|output| found.cell(output.kind));
            take(Row(cells.collect()))
        });
        read.await
    }

    /// All rows; none if they have more bytes than this.
    async fn collect(&self, select: &Select, most_bytes: usize) -> sqlx::Result<Option<Vec<Row>>> {
        let (mut rows, mut bytes) = (Vec::new(), 0_usize);
        let mut session = self.pool.session().await?;
        self.each(&mut session, select, |row| {
            bytes = bytes.saturating_add(weight(&row));
            rows.push(row);
            bytes <= most_bytes
        })
        .await?;
        Ok((bytes <= most_bytes).then_some(rows))
    }
}

fn event_from(mut found: Found, table: Option<&Table>) -> sqlx::Result<Event> {
    let stored = StoredEvent {
        offset: found.integer()?,
        time: found.integer()?,
        method: found.words()?,
        audience: found.text()?,
        origin: found.words()?,
        origin_user: found.words()?,
        exclude_origin: found.flag()?,
        row: found.words()?,
        old: found.words()?,
        sent: found.text()?,
        judged_by: found.text()?,
    };
    Ok(stored.event(table))
}
