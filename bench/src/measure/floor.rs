//! The floor: see `serve_floor.rs`. Here its sockets are opened and read.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::connection::Connection;
use crate::connection::READ_BUFFER;
use crate::epoll::Epoll;
use crate::serve_floor::Step;
use crate::server;

pub const SOCKETS: usize = 1000;
const WAIT: Duration = Duration::from_millis(100);
/// Four steps of a second and some room.
const MAX_TIME: Duration = Duration::from_secs(30);

pub fn run() -> Result<Vec<Step>> {
    let address = server::free_address()?;
    let mut child = server::this_program()?
        .args(["serve-floor", "--listen", &address.to_string()])
        .args(["--sockets", &SOCKETS.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the floor")?;
    let read = read_all(address);
    if read.is_err() {
        // It would wait for its sockets for ever.
        let _ = child.kill();
    }
    let output = child.stdout.take().context("the floor has no output")?;
    let lines = BufReader::new(output).lines();
    let steps = lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect();
    let status = child.wait()?;
    read?;
    anyhow::ensure!(status.success(), "the floor ended with {status}");
    steps
}

/// Reads what comes until the floor hangs up.
fn read_all(address: std::net::SocketAddr) -> Result<()> {
    let give_up = Instant::now() + MAX_TIME;
    let mut epoll = Epoll::new()?;
    let mut connections = Vec::with_capacity(SOCKETS);
    for index in 0..SOCKETS {
        let connection = open(address, give_up)?;
        epoll.add(connection.stream(), index)?;
        connections.push(connection);
    }
    let mut buffer = vec![0; READ_BUFFER];
    while Instant::now() < give_up {
        for &index in epoll.wait(WAIT)? {
            // An end or a reset means that the floor has finished; its exit status tells the rest.
            if connections[index].read(&mut buffer, |_| {}).is_err() {
                return Ok(());
            }
        }
    }
    anyhow::bail!("the floor took longer than {MAX_TIME:?}")
}

/// The first socket may come before the floor listens.
fn open(address: std::net::SocketAddr, give_up: Instant) -> Result<Connection> {
    loop {
        match Connection::open(address) {
            Err(_) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
}
