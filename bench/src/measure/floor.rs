//! The floor: see `serve_floor.rs`. Here its sockets are opened and read, with the same work per
//! frame as in a run, so that the load generator's own cost becomes known.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::connection::{Connection, READ_BUFFER};
use crate::epoll::Epoll;
use crate::marker::Finder;
use crate::proc_stat;
use crate::serve_floor::Step;
use crate::server;

pub const SOCKETS: usize = 1000;
const WAIT: Duration = Duration::from_millis(100);
/// Four steps of a second and some room.
const MAX_TIME: Duration = Duration::from_secs(30);

pub struct Floor {
    pub steps: Vec<Step>,
    /// CPU time of the load generator per frame, all steps together.
    pub reader_us_per_frame: f64,
}

pub fn run() -> Result<Floor> {
    let address = server::free_address()?;
    let mut child = server::this_program()?
        .args(["serve-floor", "--listen", &address.to_string()])
        .args(["--sockets", &SOCKETS.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start the floor")?;
    let cpu = proc_stat::own_cpu();
    let read = read_all(address);
    let cpu = proc_stat::own_cpu().saturating_sub(cpu);
    if read.is_err() {
        // It would wait for its sockets for ever.
        let _ = child.kill();
    }
    let output = child.stdout.take().context("the floor has no output")?;
    let lines = BufReader::new(output).lines();
    let steps: Result<Vec<Step>> = lines
        .map(|line| serde_json::from_str(&line?).context("read the floor's figures"))
        .collect();
    let status = child.wait()?;
    let frames = read?;
    ensure!(status.success(), "the floor ended with {status}");
    Ok(Floor {
        steps: steps?,
        reader_us_per_frame: cpu.as_secs_f64() * 1e6 / frames as f64,
    })
}

/// Reads what comes until the floor hangs up. Gives the number of frames.
fn read_all(address: SocketAddr) -> Result<u64> {
    let give_up = Instant::now() + MAX_TIME;
    let mut epoll = Epoll::new()?;
    let mut sockets = Vec::with_capacity(SOCKETS);
    for index in 0..SOCKETS {
        let connection = open(address, give_up)?;
        epoll.add(connection.stream(), index)?;
        sockets.push((connection, Finder::default()));
    }
    let mut buffer = vec![0; READ_BUFFER];
    let mut frames = 0;
    while Instant::now() < give_up {
        for &index in epoll.wait(WAIT)? {
            let (connection, finder) = sockets.get_mut(index).context("an unknown socket")?;
            let read = connection.read(&mut buffer, |payload| {
                frames += u64::from(finder.find(payload).is_some_and(|mark| mark.number() == 0));
            });
            // An end or a reset means that the floor has finished; its exit status tells the rest.
            if read.is_err() {
                return Ok(frames);
            }
        }
    }
    bail!("the floor took longer than {MAX_TIME:?}")
}

/// The first socket may come before the floor listens.
fn open(address: SocketAddr, give_up: Instant) -> Result<Connection> {
    loop {
        match Connection::open(address) {
            Err(_) if Instant::now() < give_up => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
}
