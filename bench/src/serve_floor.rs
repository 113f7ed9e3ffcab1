//! The floor: what writing ready-made frames to many sockets costs when nothing else is done.
//!
//! No server can deliver cheaper than these writes. For each number of frames per write it runs
//! for a fixed time and prints one line of JSON, then it exits.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::{marker, proc_stat, websocket};

/// A reader that has gone away must not hang the floor.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Parser)]
pub struct Args {
    /// Address to listen on
    #[arg(long)]
    listen: SocketAddr,
    /// Begin when so many sockets are connected
    #[arg(long, default_value_t = 1000)]
    sockets: usize,
    /// Frames in one write, one step for each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    frames_per_write: Vec<usize>,
    /// Milliseconds for each step
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    step_ms: u64,
}

/// What one step found.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Step {
    pub frames_per_write: usize,
    pub cpu_us_per_write: f64,
    pub wall_us_per_write: f64,
    pub frames_per_second: f64,
}

pub fn run(args: &Args) -> Result<()> {
    let listener =
        TcpListener::bind(args.listen).with_context(|| format!("listen on {}", args.listen))?;
    let mut sockets = Vec::with_capacity(args.sockets);
    while sockets.len() < args.sockets {
        sockets.push(accept(&listener)?);
    }
    let mut frame = Vec::new();
    websocket::write_unmasked(&mut frame, websocket::TEXT, &marker::payload(0, 0));
    for &frames in &args.frames_per_write {
        let step = step(
            &mut sockets,
            &frame,
            frames,
            Duration::from_millis(args.step_ms),
        )?;
        println!("{}", serde_json::to_string(&step)?);
    }
    Ok(())
}

/// The reader is our own load generator, which doesn't check the accept key.
pub fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let (mut socket, _) = listener.accept().context("accept")?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(WRITE_TIMEOUT))?;
    socket.set_write_timeout(Some(WRITE_TIMEOUT))?;
    websocket::read_head(&mut socket)?;
    socket.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )?;
    Ok(socket)
}

/// Writes block when a socket's buffer is full: wall time then shows the reader, CPU time the writer.
fn step(sockets: &mut [TcpStream], frame: &[u8], frames: usize, time: Duration) -> Result<Step> {
    let block = frame.repeat(frames);
    let cpu = proc_stat::thread_cpu();
    let start = Instant::now();
    let mut writes = 0_u64;
    while start.elapsed() < time {
        for socket in sockets.iter_mut() {
            socket.write_all(&block).context("write to a reader")?;
        }
        writes += sockets.len() as u64;
    }
    let wall = start.elapsed().as_secs_f64();
    let cpu = (proc_stat::thread_cpu() - cpu).as_secs_f64();
    Ok(Step {
        frames_per_write: frames,
        cpu_us_per_write: cpu * 1e6 / writes as f64,
        wall_us_per_write: wall * 1e6 / writes as f64,
        frames_per_second: (writes * frames as u64) as f64 / wall,
    })
}
