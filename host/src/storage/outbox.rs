//! The table of alerts, whatever the kind of database.

use super::Entry;
use super::server::ServerOutbox;
use super::sqlite::outbox::SqliteOutbox;
use crate::alert::{Leased, Settled};

/// The alerts of one database that wait to be sent, and those that never were.
pub enum Outbox {
    Sqlite(SqliteOutbox),
    Server(ServerOutbox),
}

/// Asks the one that there is.
macro_rules! ask {
    ($self:ident.$method:ident($($argument:expr),* $(,)?)) => {
        match $self {
            Self::Sqlite(outbox) => outbox.$method($($argument),*).await,
            Self::Server(outbox) => outbox.$method($($argument),*).await,
        }
    };
}

impl Outbox {
    /// Alerts that wait, dead letters not counted.
    pub async fn waiting(&self) -> sqlx::Result<usize> {
        ask!(self.waiting())
    }

    /// Takes what is due for a service, until `until`; of the endpoints in `except`
    /// nothing. What goes to a recipient to whom a digest is on its way waits for that.
    pub async fn lease(
        &self,
        service: &str,
        except: &[i64],
        limit: usize,
        now: i64,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        ask!(self.lease(service, except, limit, now, until))
    }

    /// When the next row of a service is due after `now`; none when there is none. What is
    /// due already and was not taken waits for a digest.
    pub async fn next_due(
        &self,
        service: &str,
        except: &[i64],
        now: i64,
    ) -> sqlx::Result<Option<i64>> {
        ask!(self.next_due(service, except, now))
    }

    /// Takes all that one recipient is to get in one mail with this one: the rest of a
    /// mail that was begun, or else all that wait. They are one mail from now on, however
    /// often it is tried. In the order that they came.
    pub async fn gather(
        &self,
        first: &Leased,
        limit: usize,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        ask!(self.gather(first, limit, until))
    }

    /// Writes down what became of rows that were taken, all of it or nothing. Returns by
    /// how many the waiting have become more or less.
    pub async fn settle(&self, settled: &[Settled]) -> sqlx::Result<i64> {
        ask!(self.settle(settled))
    }

    /// Makes dead letters of what waits since before `before`, and of what is for services
    /// that there are no more. Returns how many.
    pub async fn expire(&self, before: i64, services: &[String], now: i64) -> sqlx::Result<u64> {
        ask!(self.expire(before, services, now))
    }

    /// Forgets dead letters from before `dead`, and who got digests before `digests`.
    /// Returns how many letters.
    pub async fn forget(&self, dead: i64, digests: i64) -> sqlx::Result<u64> {
        ask!(self.forget(dead, digests))
    }

    /// The oldest alerts; with `dead` those that are dead letters, or are not.
    pub async fn list(&self, dead: Option<bool>, limit: u32) -> sqlx::Result<Vec<Entry>> {
        ask!(self.list(dead, limit))
    }

    /// Has an alert sent anew, at once. False if there is none.
    pub async fn retry(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        ask!(self.retry(id, now))
    }

    /// Drops an alert. False if there is none, or if it is just being sent.
    pub async fn remove(&self, id: &str, now: i64) -> sqlx::Result<bool> {
        ask!(self.remove(id, now))
    }
}
