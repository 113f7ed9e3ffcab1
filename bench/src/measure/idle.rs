//! Resident memory per idle WebSocket.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::connection::Connection;
use crate::proc_stat;
use crate::server::{Kind, Setup};

pub const CONNECTIONS: usize = 10_000;
/// Opened before the first reading, so that what is allocated once isn't counted per connection.
const FIRST: usize = 100;
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Serialize)]
pub struct Idle {
    pub kib_per_connection: f64,
    pub accepted_per_second: f64,
}

pub fn run(setup: &Setup, kind: Kind) -> Result<Idle> {
    let server = setup.start(kind)?;
    let mut connections = Vec::with_capacity(FIRST + CONNECTIONS);
    let mut open = |count: usize| -> Result<()> {
        for _ in 0..count {
            connections.push(
                Connection::open(server.address)
                    .with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?,
            );
        }
        Ok(())
    };
    open(FIRST)?;
    std::thread::sleep(SETTLE);
    let before = proc_stat::rss_kib(server.pid())?;
    let start = std::time::Instant::now();
    open(CONNECTIONS)?;
    let took = start.elapsed();
    std::thread::sleep(SETTLE);
    let after = proc_stat::rss_kib(server.pid())?;
    Ok(Idle {
        kib_per_connection: after.saturating_sub(before) as f64 / CONNECTIONS as f64,
        // One client, one at a time: the server may well be faster.
        accepted_per_second: CONNECTIONS as f64 / took.as_secs_f64(),
    })
}
