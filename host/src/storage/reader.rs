//! Reading, whatever the kind of database: history, rows, events, keys.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Next;
use super::server::ServerReader;
use super::sqlite::read::SqliteReader;
use crate::filter::{Filter, View};
use crate::kv::{Key, Stored};
use crate::log::Event;
use crate::log::submission::{MessageId, Receipt};
use crate::plugin::KeyPage;
use crate::row::{Row, Table};

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

/// The read side of a database. Everything it gives is committed.
#[derive(Clone)]
pub enum Reader {
    Sqlite(SqliteReader),
    Server(ServerReader),
}

/// Asks the one that there is.
macro_rules! ask {
    ($self:ident.$method:ident($($argument:expr),* $(,)?)) => {
        match $self {
            Self::Sqlite(reader) => reader.$method($($argument),*).await,
            Self::Server(reader) => reader.$method($($argument),*).await,
        }
    };
}

impl Reader {
    /// Head and what a view shows, of one moment. `floor` is the head of a log that is
    /// empty.
    pub async fn history(
        &self,
        log: i64,
        floor: u64,
        table: &Table,
        view: &View,
        limits: HistoryLimits,
    ) -> sqlx::Result<History> {
        ask!(self.history(log, floor, table, view, limits))
    }

    /// The row with this key.
    pub async fn row(&self, table: &Table, id: &str) -> sqlx::Result<Option<Row>> {
        ask!(self.row(table, id))
    }

    /// The next number for the table's key.
    pub async fn next_number(&self, table: &Table) -> sqlx::Result<Next> {
        ask!(self.next_number(table))
    }

    /// Rows that pass the filter, oldest first. None if there are more of them, or larger
    /// ones, than this.
    pub async fn selected(
        &self,
        table: &Table,
        filter: &Filter,
        most: u32,
        most_bytes: usize,
    ) -> sqlx::Result<Option<Vec<Row>>> {
        ask!(self.selected(table, filter, most, most_bytes))
    }

    /// What a view shows, oldest first unless it says otherwise.
    pub async fn select(
        &self,
        table: &Table,
        view: &View,
        limit: u32,
    ) -> sqlx::Result<Vec<Map<String, Value>>> {
        ask!(self.select(table, view, limit))
    }

    /// What the sender of a message with this id and this body was told.
    pub async fn receipt(&self, log: i64, id: &MessageId) -> sqlx::Result<Option<Receipt>> {
        ask!(self.receipt(log, id))
    }

    /// The offset from which on the newest `count` entries begin; none in an empty log.
    pub async fn oldest(&self, log: i64, count: usize) -> sqlx::Result<Option<u64>> {
        ask!(self.oldest(log, count))
    }

    /// The offset from which on the newest `count` changes of rows begin; none without
    /// any.
    pub async fn oldest_change(&self, log: i64, count: u64) -> sqlx::Result<Option<u64>> {
        ask!(self.oldest_change(log, count))
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
        ask!(self.events(log, table, offset, limit, bytes))
    }

    /// What a key holds.
    pub async fn kv_get(&self, log: i64, plugin: &str, key: &Key) -> sqlx::Result<Option<Stored>> {
        ask!(self.kv_get(log, plugin, key))
    }

    /// A page of keys: those that are committed, changed as the page says.
    pub async fn kv_keys(
        &self,
        log: i64,
        plugin: &str,
        page: &KeyPage,
    ) -> sqlx::Result<Vec<String>> {
        ask!(self.kv_keys(log, plugin, page))
    }

    /// Bytes of a plugin's keys and values, those in `apart_from` not counted.
    pub async fn kv_used(&self, log: i64, plugin: &str, apart_from: &[Key]) -> sqlx::Result<u64> {
        ask!(self.kv_used(log, plugin, apart_from))
    }
}
