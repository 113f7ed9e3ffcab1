//! What hooks may ask of their connection and its endpoint.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use serde_json::{Map, Value, json};

use crate::auth::session_value;
use crate::filter::View;
use crate::id::ConnectionId;
use crate::judge::{defaults, publish};
use crate::kv::{Key, Stored};
use crate::plugin::{HostError, KeyPage, Surroundings};
use crate::rejection::Rejection;
use crate::row::{Row, RowWrite, Table};
use crate::storage::Reader;

use super::Client;

impl Surroundings for Client {
    fn args(&self) -> Vec<(String, Vec<String>)> {
        self.args.read().clone()
    }

    fn path_parameters(&self) -> Vec<(String, String)> {
        self.path_parameters.clone()
    }

    fn headers(&self) -> Vec<(String, String)> {
        self.headers.clone()
    }

    fn user(&self) -> Option<String> {
        self.user.get().map(|user| user.claims.clone())
    }

    fn session(&self) -> Option<String> {
        let id = self.session.as_deref()?;
        Some(session_value(id).to_string())
    }

    fn groups(&self) -> Vec<String> {
        self.endpoint.groups.of(self.id)
    }

    fn metadata(&self) -> Option<String> {
        self.metadata.read().clone()
    }

    fn members(&self, group: &str, limit: usize) -> Vec<ConnectionId> {
        self.endpoint.groups.members(group, limit)
    }

    fn count(&self, group: &str) -> u32 {
        u32::try_from(self.endpoint.groups.count(group)).unwrap_or(u32::MAX)
    }

    fn publishable(&self, endpoint: &str) -> Result<(), HostError> {
        publish::check(self, endpoint)
    }

    fn mail_service(&self, name: Option<&str>) -> Result<String, HostError> {
        let outbox = &self.endpoint.outbox;
        if self.endpoint.table.is_none() {
            let text = "this endpoint is ephemeral and has no outbox; set its `durability`";
            return Err(HostError::new("unavailable", text));
        }
        if !outbox.has_room() {
            let text = "as many alerts wait as `alerts.limit` allows; try again later";
            return Err(HostError::new("unavailable", text));
        }
        outbox
            .service(name)
            .map_err(|why| HostError::new("not_found", why))
    }

    fn insert(
        &self,
        mut row: Map<String, Value>,
    ) -> BoxFuture<'_, Result<(String, RowWrite), HostError>> {
        async move {
            let (table, _) = self.table()?;
            let user = self.user.get().map(|user| &*user.id);
            let completed = defaults::complete(&self.endpoint, &mut row, user).await;
            completed.map_err(invalid)?;
            let row = table.new_row(&row).map_err(invalid)?;
            Ok((row.id(table).into_owned(), RowWrite::Insert { row }))
        }
        .boxed()
    }

    fn update(&self, row: Map<String, Value>) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        async move {
            let (table, _) = self.table()?;
            let id = match row.get(&table.key().name) {
                Some(Value::String(id)) => id.clone(),
                Some(Value::Number(id)) => id.to_string(),
                _ => String::new(),
            };
            let old = self.stored(&id).await?;
            let row = table.changed_row(&old, &row).map_err(invalid)?;
            Ok(RowWrite::Update { old, row })
        }
        .boxed()
    }

    fn delete(&self, id: String) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        async move {
            Ok(RowWrite::Delete {
                old: self.stored(&id).await?,
            })
        }
        .boxed()
    }

    fn select(
        &self,
        filter: Vec<(String, Vec<String>)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        async move {
            let (table, storage) = self.table()?;
            let view = View::parse(&filter, Some(table)).map_err(invalid)?;
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            let rows = storage.select(table, &view, limit).await;
            let rows = rows.map_err(unavailable)?.into_iter();
            Ok(rows.map(|row| Value::Object(row).to_string()).collect())
        }
        .boxed()
    }

    fn written(&self, write: &RowWrite) -> Value {
        let table = self.endpoint.table.as_deref();
        let shown = |row: &Row| table.map(|table| row.to_json(table)).unwrap_or_default();
        match write {
            RowWrite::Insert { row } => json!({ "insert": shown(row) }),
            RowWrite::Update { row, .. } => json!({ "update": shown(row) }),
            RowWrite::Delete { old } => json!({ "delete": shown(old) }),
        }
    }

    fn kv_get(
        &self,
        plugin: Arc<str>,
        key: Key,
    ) -> BoxFuture<'_, Result<Option<Stored>, HostError>> {
        async move {
            let found = self.keys()?.kv_get(self.endpoint.log.id, &plugin, &key);
            found.await.map_err(unreadable)
        }
        .boxed()
    }

    fn kv_keys(
        &self,
        plugin: Arc<str>,
        page: KeyPage,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        async move {
            let keys = self.keys()?.kv_keys(self.endpoint.log.id, &plugin, &page);
            keys.await.map_err(unreadable)
        }
        .boxed()
    }

    fn kv_used(
        &self,
        plugin: Arc<str>,
        apart_from: Vec<Key>,
    ) -> BoxFuture<'_, Result<u64, HostError>> {
        async move {
            let storage = self.keys()?;
            let used = storage.kv_used(self.endpoint.log.id, &plugin, &apart_from);
            used.await.map_err(unreadable)
        }
        .boxed()
    }
}

impl Client {
    fn keys(&self) -> Result<&Reader, HostError> {
        self.endpoint.reader.storage.as_ref().ok_or_else(|| {
            let text = "this endpoint is ephemeral and has no key-value storage; set its \
                        `durability`";
            HostError::new("unavailable", text)
        })
    }

    fn table(&self) -> Result<(&Table, &Reader), HostError> {
        match (&self.endpoint.table, &self.endpoint.reader.storage) {
            (Some(table), Some(storage)) => Ok((table, storage)),
            _ => {
                let text = "this endpoint is ephemeral and has no table; set its `durability`";
                Err(HostError::new("unavailable", text))
            }
        }
    }

    async fn stored(&self, id: &str) -> Result<Row, HostError> {
        let (table, storage) = self.table()?;
        let found = storage.row(table, id).await.map_err(unavailable)?;
        found.ok_or_else(|| HostError::new("not_found", format!("there is no row with id `{id}`")))
    }
}

fn invalid(rejection: Rejection) -> HostError {
    HostError::new("invalid", rejection.message)
}

fn unreadable(error: sqlx::Error) -> HostError {
    tracing::error!(%error, "a plugin's key can't be read");
    HostError::new("unavailable", "key-value storage can't be read now")
}

fn unavailable(error: sqlx::Error) -> HostError {
    tracing::error!(%error, "a plugin's read failed");
    HostError::new("unavailable", "the table can't be read now")
}
