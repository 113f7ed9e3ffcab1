//! The table of alerts that wait to be sent, and of those that never were.
//!
//! Rows come in with the messages that cause them (`pass.rs`). The worker takes rows for a
//! while (a lease), sends them and says what became of them.

mod entries;
mod settle;

use sea_query::Value;

use super::Flavor;
use super::found::Found;
use super::session::{Pool, Session};
use crate::alert::{Channel, Leased, Settled};

/// The outbox of one database.
pub struct ServerOutbox {
    pub(super) pool: Pool,
}

const COLUMNS: &str = "number, id, endpoint, \
     (SELECT name FROM hookcast_endpoints WHERE hookcast_endpoints.id = hookcast_outbox.endpoint), \
     alert, channel, data, created, recipient, digest, attempts";

impl ServerOutbox {
    /// This process is the one that sends, so whoever had taken rows is gone: they are free.
    pub async fn open(pool: Pool) -> sqlx::Result<Self> {
        pool.execute(
            "UPDATE hookcast_outbox SET leased = 0 WHERE leased > 0",
            Vec::new(),
        )
        .await?;
        Ok(Self { pool })
    }

    pub async fn waiting(&self) -> sqlx::Result<usize> {
        let sql = "SELECT count(*) FROM hookcast_outbox WHERE dead = FALSE";
        let found = self.pool.first(sql, Vec::new()).await?;
        let count = found.unwrap_or_default().integer()?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    pub async fn lease(
        &self,
        service: &str,
        except: &[i64],
        limit: usize,
        now: i64,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        let mut transaction = self.pool.begin().await?;
        let due = format!(
            "SELECT number FROM hookcast_outbox AS this WHERE dead = FALSE AND service = ? \
             AND due <= ? AND leased <= ? {} AND (recipient IS NULL OR NOT EXISTS \
             (SELECT 1 FROM hookcast_outbox AS other WHERE other.recipient = this.recipient \
             AND other.endpoint = this.endpoint AND other.alert = this.alert \
             AND other.dead = FALSE AND other.digest IS NOT NULL \
             AND (other.leased > ? OR this.digest IS NULL))) ORDER BY due, number LIMIT ?",
            but("endpoint", except)
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![
            service.into(),
            now.into(),
            now.into(),
            now.into(),
            limit.into(),
        ];
        let numbers = numbers(transaction.fetch(&due, values).await?)?;
        let taken = take(&mut transaction, &numbers, until, None).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    pub async fn next_due(
        &self,
        service: &str,
        except: &[i64],
        now: i64,
    ) -> sqlx::Result<Option<i64>> {
        let sql = format!(
            "SELECT min(greatest(due, leased)) FROM hookcast_outbox WHERE dead = FALSE \
             AND service = ? {} AND greatest(due, leased) > ?",
            but("endpoint", except)
        );
        let found = self
            .pool
            .first(&sql, vec![service.into(), now.into()])
            .await?;
        found.unwrap_or_default().number()
    }

    pub async fn gather(
        &self,
        first: &Leased,
        limit: usize,
        until: i64,
    ) -> sqlx::Result<Vec<Leased>> {
        let mut transaction = self.pool.begin().await?;
        let same = transaction.flavor().same();
        let all = format!(
            "SELECT number FROM hookcast_outbox WHERE dead = FALSE AND endpoint = ? AND alert = ? \
             AND recipient = ? AND digest {same} ? ORDER BY number LIMIT ?"
        );
        let values = vec![
            first.endpoint.into(),
            first.alert.to_string().into(),
            first.recipient.clone().into(),
            first.digest.clone().into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let numbers = numbers(transaction.fetch(&all, values).await?)?;
        let digest = first.digest.as_ref().unwrap_or(&first.id);
        let taken = take(&mut transaction, &numbers, until, Some(digest)).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    pub async fn settle(&self, settled: &[Settled]) -> sqlx::Result<i64> {
        let mut transaction = self.pool.begin().await?;
        let mut change = 0;
        for one in settled {
            change += settle::settle(&mut transaction, one).await?;
        }
        transaction.commit().await?;
        Ok(change)
    }

    pub async fn expire(&self, before: i64, services: &[String], now: i64) -> sqlx::Result<u64> {
        let old = "UPDATE hookcast_outbox SET dead = TRUE, leased = 0, \
                   error = concat(coalesce(concat(error, '; '), ''), \
                   'gave up: it is older than `alerts.expire`') \
                   WHERE dead = FALSE AND created < ? AND leased <= ?";
        let old = match self.pool.flavor() {
            // Its `concat` takes NULL for ''.
            Flavor::Postgres => old.replace("concat(error, '; ')", "error || '; '"),
            Flavor::MySql => old.to_owned(),
        };
        let old = self
            .pool
            .execute(&old, vec![before.into(), now.into()])
            .await?;
        let known = match services.len() {
            0 => String::new(),
            count => format!("AND service NOT IN ({})", vec!["?"; count].join(", ")),
        };
        let homeless = format!(
            "UPDATE hookcast_outbox SET dead = TRUE, leased = 0, error = concat('the config has \
             nothing named `', service, '` to send it by any more') \
             WHERE dead = FALSE AND leased <= ? {known}"
        );
        let mut values: Vec<Value> = vec![now.into()];
        values.extend(services.iter().map(|service| service.clone().into()));
        Ok(old + self.pool.execute(&homeless, values).await?)
    }

    pub async fn forget(&self, dead: i64, digests: i64) -> sqlx::Result<u64> {
        let letters = "DELETE FROM hookcast_outbox WHERE dead = TRUE AND due < ?";
        let letters = self.pool.execute(letters, vec![dead.into()]).await?;
        let sent = "DELETE FROM hookcast_digests WHERE sent < ?";
        self.pool.execute(sent, vec![digests.into()]).await?;
        Ok(letters)
    }
}

/// Takes rows, for a digest if it is said for which, and reads them.
async fn take(
    transaction: &mut Session,
    numbers: &[i64],
    until: i64,
    digest: Option<&str>,
) -> sqlx::Result<Vec<Leased>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let these = among("number", numbers);
    let (set, mut values) = ("leased = ?", vec![Value::from(until)]);
    let set = match digest {
        None => set.to_owned(),
        Some(digest) => {
            values.push(digest.into());
            format!("{set}, digest = ?")
        }
    };
    let update = format!("UPDATE hookcast_outbox SET {set} WHERE {these}");
    transaction.execute(&update, values).await?;
    let read = format!("SELECT {COLUMNS} FROM hookcast_outbox WHERE {these} ORDER BY number");
    let rows = transaction.fetch(&read, Vec::new()).await?;
    rows.into_iter().map(leased).collect()
}

fn numbers(found: Vec<Found>) -> sqlx::Result<Vec<i64>> {
    let numbers = found.into_iter().map(|mut found| found.integer());
    numbers.collect()
}

/// That a column is one of these numbers, of which there is at least one.
fn among(column: &str, numbers: &[i64]) -> String {
    let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
    format!("{column} IN ({})", numbers.join(", "))
}

/// That it is none of them.
fn but(column: &str, numbers: &[i64]) -> String {
    match numbers {
        [] => String::new(),
        numbers => format!("AND NOT {}", among(column, numbers)),
    }
}

fn leased(mut found: Found) -> sqlx::Result<Leased> {
    let (number, id) = (found.integer()?, found.text()?);
    let (endpoint, endpoint_name) = (found.integer()?, found.words()?.unwrap_or_default());
    let (alert, channel) = (found.text()?, found.text()?);
    Ok(Leased {
        number,
        id,
        endpoint,
        endpoint_name,
        alert,
        channel: Channel::parse(&channel)
            .ok_or_else(|| sqlx::Error::Decode(format!("channel {channel}").into()))?,
        data: found.text()?,
        created: found.integer()?,
        recipient: found.words()?,
        digest: found.words()?,
        attempts: u32::try_from(found.integer()?).unwrap_or(u32::MAX),
    })
}
