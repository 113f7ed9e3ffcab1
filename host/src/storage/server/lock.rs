//! One hookcast at a time writes to a database: whoever holds its lock.
//!
//! The lock ends with its session, and a session's transaction ends before its lock. Who
//! has it therefore knows that nothing of the session before is still on its way: that is
//! how the outcome of a COMMIT whose answer was lost becomes known.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use super::Flavor;
use super::session::Session;

/// How long the session of a hookcast that was killed may live on.
const PATIENCE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(50);

/// A number that nobody else is likely to lock; the other half is the schema's.
const CLASS: i32 = 0x68_6f_6f_6b;

/// Takes the lock; `own` is the number of a session of ours that may be there still.
///
/// # Errors
/// Another hookcast has it.
pub async fn take(session: &mut Session, own: Option<i64>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        if try_take(session).await? {
            return Ok(());
        }
        let holder = holder(session).await?;
        if let (Some((number, _)), Some(own)) = (&holder, own)
            && *number == own
        {
            end(session, own).await?;
        }
        if Instant::now() >= until {
            let who = holder.map_or("another session".to_owned(), |(_, who)| who);
            bail!(
                "another hookcast serves this database ({who} holds its lock); stop it, or give \
                 this one another `url`"
            );
        }
        sleep(PAUSE).await;
    }
}

/// The number of a session, by which the server knows it.
pub async fn number(session: &mut Session) -> sqlx::Result<i64> {
    let sql = match session.flavor() {
        Flavor::Postgres => "SELECT pg_backend_pid()",
        Flavor::MySql => "SELECT CONNECTION_ID()",
    };
    one(session.raw(sql).await?).integer()
}

async fn try_take(session: &mut Session) -> sqlx::Result<bool> {
    let sql = match session.flavor() {
        Flavor::Postgres => {
            format!("SELECT pg_try_advisory_lock({CLASS}, hashtext(current_schema()))")
        }
        Flavor::MySql => "SELECT GET_LOCK(CONCAT('hookcast ', MD5(DATABASE())), 0)".into(),
    };
    Ok(one(session.fetch(&sql, Vec::new()).await?).number()? == Some(1))
}

/// The session that has the lock, and whose it is.
async fn holder(session: &mut Session) -> sqlx::Result<Option<(i64, String)>> {
    let sql = match session.flavor() {
        Flavor::Postgres => format!(
            "SELECT pid, concat('process ', pid, ', from ', \
             coalesce(host(client_addr), 'this machine')) \
             FROM pg_locks LEFT JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' \
             AND classid::int8 = {CLASS} AND granted AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        Flavor::MySql => "SELECT number, CONCAT('connection ', number) FROM (SELECT \
                          IS_USED_LOCK(CONCAT('hookcast ', MD5(DATABASE()))) AS number) AS used \
                          WHERE number IS NOT NULL"
            .into(),
    };
    let found = session.fetch(&sql, Vec::new()).await?;
    let found = found.into_iter().next().map(|mut found| {
        let number = found.integer()?;
        Ok((number, found.text()?))
    });
    found.transpose()
}

async fn end(session: &mut Session, number: i64) -> sqlx::Result<()> {
    let sql = match session.flavor() {
        Flavor::Postgres => format!("SELECT pg_terminate_backend({number})"),
        Flavor::MySql => format!("KILL {number}"),
    };
    session.raw(&sql).await.map(drop)
}

/// The only row of a query that always has one.
fn one(found: Vec<super::found::Found>) -> super::found::Found {
    found.into_iter().next().unwrap_or_default()
}
