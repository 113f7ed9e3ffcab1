//! The outbox as operators see and change it.

use sea_query::Value;

use super::ServerOutbox;
use crate::storage::Entry;
use crate::storage::server::found::Found;

impl ServerOutbox {
    pub async fn list(&self, dead: Option<bool>, limit: u32) -> sqlx::Result<Vec<Entry>> {
        let which = match dead {
            None => "",
            Some(true) => "WHERE dead = TRUE",
            Some(false) => "WHERE dead = FALSE",
        };
        let sql = format!(
            "SELECT id, (SELECT name FROM hookcast_endpoints WHERE \
             hookcast_endpoints.id = hookcast_outbox.endpoint), alert, channel, service, \
             recipient, dead, attempts, error, created, due FROM hookcast_outbox {which} \
             ORDER BY number LIMIT {limit}"
        );
        let rows = self.pool.fetch(&sql, Vec::new()).await?;
        rows.into_iter().map(entry).collect()
    }

    pub async fn retry(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        let sql = "UPDATE hookcast_outbox SET dead = FALSE, attempts = 0, created = ?, due = ? \
                   WHERE id = ? AND leased <= ?";
        let values: Vec<Value> = vec![now.into(), now.into(), id.into(), now.into()];
        Ok(self.pool.execute(sql, values).await? > 0)
    }

    pub async fn remove(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        let sql = "DELETE FROM hookcast_outbox WHERE id = ? AND leased <= ?";
        Ok(self.pool.execute(sql, vec![id.into(), now.into()]).await? > 0)
    }
}

fn entry(mut found: Found) -> sqlx::Result<Entry> {
    Ok(Entry {
        id: found.text()?,
        endpoint: found.words()?.unwrap_or_default(),
        alert: found.text()?,
        channel: found.text()?,
        service: found.text()?,
        recipient: found.words()?,
        dead: found.flag()?,
        attempts: found.integer()?,
        error: found.words()?,
        created: found.integer()?,
        due: found.integer()?,
    })
}
