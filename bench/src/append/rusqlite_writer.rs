//! rusqlite: a dedicated thread, one prepared statement per table, executed once per row.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::rows::{DIGEST, ENDPOINT, METHOD, Message, ORIGIN};
use super::{Stopwatch, Synchronous};

/// A group and where to say that it is committed: the hop between threads that an async host pays.
type Job = (Vec<Message>, oneshot::Sender<rusqlite::Result<()>>);

pub fn write(
    path: &Path,
    synchronous: Synchronous,
    messages: &[Message],
    size: usize,
) -> Result<(usize, Duration, Duration)> {
    let connection = Connection::open(path)?;
    connection.execute_batch(&format!("PRAGMA synchronous = {}", synchronous.pragma()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (jobs, receiver) = mpsc::channel::<Job>();
    let writer = std::thread::spawn(move || serve(connection, &receiver));

    let watch = Stopwatch::start();
    let mut written = 0;
    for group in messages.chunks_exact(size) {
        let (done, committed) = oneshot::channel();
        jobs.send((group.to_vec(), done))
            .ok()
            .context("the writer thread has stopped")?;
        runtime
            .block_on(committed)
            .context("the writer thread has stopped")??;
        written += size;
        if watch.expired() {
            break;
        }
    }
    let (cpu, wall) = watch.stop();
    drop(jobs);
    writer.join().ok().context("the writer thread panicked")?;
    Ok((written, cpu, wall))
}

fn serve(mut connection: Connection, jobs: &mpsc::Receiver<Job>) {
    for (group, done) in jobs {
        // A caller that has gone away has no use for the outcome.
        let _ = done.send(commit(&mut connection, &group));
    }
}

fn commit(connection: &mut Connection, group: &[Message]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut chat = transaction.prepare_cached(
            "INSERT INTO chat (id, user, timestamp, body) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for m in group {
            chat.execute(params![&*m.id, &*m.user, &*m.timestamp, &*m.body])?;
        }
        let mut log = transaction.prepare_cached(
            "INSERT INTO hookcast_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for m in group {
            log.execute(params![
                ENDPOINT,
                m.offset,
                m.time,
                METHOD,
                ORIGIN,
                &*m.row,
                None::<&str>,
                &*m.sent,
                DIGEST
            ])?;
        }
    }
    transaction.commit()
}
