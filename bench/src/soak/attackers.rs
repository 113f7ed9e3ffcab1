//! Connections that attack, one attack after the other, each as soon as the last was answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::attacks::Attack;
use crate::connection::{Connection, READ_BUFFER};
use crate::websocket::{self, CLOSE, TEXT};

/// An attack that has no answer by then has hurt its sender: the longest wait for an instance is
/// five seconds.
const GIVE_UP: Duration = Duration::from_secs(20);
const READ_TIMEOUT: Duration = Duration::from_millis(100);

/// How often attackers were told what: an error's code, `ack`, `refused`, `closed`, `accepted`.
pub type Told = BTreeMap<String, u64>;

pub struct Attackers<'scope> {
    stop: Arc<AtomicBool>,
    threads: Vec<ScopedJoinHandle<'scope, Result<Told>>>,
}

impl<'scope> Attackers<'scope> {
    pub fn start(
        scope: &'scope Scope<'scope, '_>,
        server: SocketAddr,
        attacks: &[Attack],
        count: usize,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let attacks: Arc<[Attack]> = attacks.into();
        let threads = (0..count).map(|number| {
            // Each begins elsewhere, so that different attacks meet.
            let first = number * attacks.len() / count;
            let mut attacker = Attacker {
                server,
                open: BTreeMap::new(),
                buffer: vec![0; READ_BUFFER],
                sent: 0,
                told: Told::new(),
            };
            let (attacks, stop) = (Arc::clone(&attacks), Arc::clone(&stop));
            scope.spawn(move || {
                for attack in attacks.iter().cycle().skip(first) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    attacker.attack(attack)?;
                }
                Ok(attacker.told)
            })
        });
        Attackers {
            threads: threads.collect(),
            stop,
        }
    }

    /// Waits for the attacks that are on their way.
    pub fn stop(self) -> Result<Told> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Told::new();
        for thread in self.threads {
            let told = thread.join().map_err(|_| anyhow!("an attacker panicked"))?;
            for (what, count) in told? {
                *all.entry(what).or_default() += count;
            }
        }
        Ok(all)
    }
}

struct Attacker {
    server: SocketAddr,
    /// Its connections by path.
    open: BTreeMap<String, Connection>,
    buffer: Vec<u8>,
    sent: u64,
    told: Told,
}

impl Attacker {
    fn attack(&mut self, attack: &Attack) -> Result<()> {
        let told = match attack {
            Attack::Message { path, members } => self
                .message(path, members)
                .with_context(|| format!("{path}: {{{members:.100}}}"))?,
            Attack::Handshake(path) => self.handshake(path).with_context(|| path.clone())?,
        };
        *self.told.entry(told).or_default() += 1;
        Ok(())
    }

    fn message(&mut self, path: &str, members: &str) -> Result<String> {
        let mut connection = match self.open.remove(path) {
            Some(connection) => connection,
            None => match self.connect(path) {
                // Too busy for its innocent `connect` and `open` hooks.
                Err(_) => return Ok("refused".to_owned()),
                Ok(connection) => connection,
            },
        };
        self.sent += 1;
        let id = self.sent.to_string();
        let payload = format!(r#"{{"_msg_id":"{id}",{members}}}"#);
        let sent = connection
            .outbox()
            .send(|out| websocket::write_masked(out, TEXT, payload.as_bytes()));
        if sent.is_err() {
            return Ok("closed".to_owned());
        }
        let give_up = Instant::now() + GIVE_UP;
        let mut told = None;
        while told.is_none() {
            if Instant::now() > give_up {
                bail!("no answer within {GIVE_UP:?}");
            }
            let read = connection.read(&mut self.buffer, |frame| {
                told = told.take().or_else(|| answer(frame, &id));
            });
            if read.is_err() {
                return Ok("closed".to_owned());
            }
        }
        self.open.insert(path.to_owned(), connection);
        told.context("no answer")
    }

    /// Connects, and closes when nothing more comes for a moment.
    fn handshake(&mut self, path: &str) -> Result<String> {
        let Ok(mut connection) = self.connect(path) else {
            return Ok("refused".to_owned());
        };
        let give_up = Instant::now() + GIVE_UP;
        let mut history = false;
        while !history {
            if Instant::now() > give_up {
                bail!("neither history nor a close within {GIVE_UP:?}");
            }
            let ends = |frame: &[u8]| history |= frame.starts_with(br#"{"_history""#);
            if connection.read(&mut self.buffer, ends).is_err() {
                return Ok("closed".to_owned());
            }
        }
        let goodbye = 1000_u16.to_be_bytes();
        let closing = connection
            .outbox()
            .send(|out| websocket::write_masked(out, CLOSE, &goodbye));
        Ok(if closing.is_ok() {
            "accepted"
        } else {
            "closed"
        }
        .to_owned())
    }

    /// With positions, so that the end of history is said.
    fn connect(&self, path: &str) -> Result<Connection> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}_after=");
        let connection = Connection::open_at(self.server, &path)?;
        connection.stream().set_nonblocking(false)?;
        connection.stream().set_read_timeout(Some(READ_TIMEOUT))?;
        Ok(connection)
    }
}

/// What the frame says about the message with this id; none when it is about something else.
fn answer(frame: &[u8], id: &str) -> Option<String> {
    let frame: Value = serde_json::from_slice(frame).ok()?;
    let (error, ack) = (&frame["_error"], &frame["_ack"]);
    if ack["_msg_id"] == id {
        return Some("ack".to_owned());
    }
    let code = (error["_msg_id"] == id).then(|| error["code"].as_str());
    code.map(|code| code.unwrap_or_default().to_owned())
}
