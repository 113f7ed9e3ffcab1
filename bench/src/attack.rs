//! Senders whose messages make a plugin loop: each has one on its way and sends the next as soon
//! as the error has come.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::connection::{Connection, READ_BUFFER};
use crate::epoll::Epoll;
use crate::websocket::{self, TEXT};

/// How often is looked whether it is enough.
const WAIT: Duration = Duration::from_millis(20);
/// A loop that isn't ended by then never will be.
const GIVE_UP: Duration = Duration::from_secs(10);
const EXPECTED: &str = "plugin_timeout";

pub struct Attackers {
    epoll: Epoll,
    attackers: Vec<Attacker>,
    buffer: Vec<u8>,
    /// Message ids are numbers, and none comes twice.
    next: u64,
}

struct Attacker {
    connection: Connection,
    awaited: Option<Awaited>,
}

struct Awaited {
    id: String,
    sent: Instant,
}

impl Attackers {
    pub fn connect(server: SocketAddr, path: &str, count: usize) -> Result<Self> {
        let epoll = Epoll::new()?;
        let mut attackers = Vec::with_capacity(count);
        for index in 0..count {
            let connection = Connection::open_at(server, path)?;
            epoll.add(connection.stream(), index)?;
            attackers.push(Attacker {
                connection,
                awaited: None,
            });
        }
        Ok(Attackers {
            epoll,
            attackers,
            buffer: vec![0; READ_BUFFER],
            next: 0,
        })
    }

    /// Sends messages with `keys`, as in `"do":"loop"`, until `enough` says so of the number of
    /// answers, and waits for those on their way. Gives the times from sending to the error.
    pub fn attack(&mut self, keys: &str, enough: impl Fn(usize) -> bool) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for attacker in &mut self.attackers {
            attacker.send(&mut self.next, keys)?;
        }
        while self.attackers.iter().any(|a| a.awaited.is_some()) {
            for &index in self.epoll.wait(WAIT)? {
                let attacker = self.attackers.get_mut(index).context("an unknown socket")?;
                let Some(time) = attacker.read(&mut self.buffer)? else {
                    continue;
                };
                times.push(time);
                if !enough(times.len()) {
                    attacker.send(&mut self.next, keys)?;
                }
            }
            let late = |a: &Attacker| {
                a.awaited
                    .as_ref()
                    .is_some_and(|awaited| awaited.sent.elapsed() > GIVE_UP)
            };
            if self.attackers.iter().any(late) {
                bail!("no answer to {{{keys}}} within {GIVE_UP:?}");
            }
        }
        Ok(times)
    }
}

impl Attacker {
    fn send(&mut self, next: &mut u64, keys: &str) -> Result<()> {
        let id = next.to_string();
        *next += 1;
        let payload = format!(r#"{{"_msg_id":"{id}",{keys}}}"#);
        let sent = Instant::now();
        self.awaited = Some(Awaited { id, sent });
        self.connection
            .outbox()
            .send(|out| websocket::write_masked(out, TEXT, payload.as_bytes()))?;
        Ok(())
    }

    /// The time that the error took, if it has come. Any other frame is a failure.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<Duration>> {
        let mut time = None;
        let mut complaint = None;
        let awaited = &mut self.awaited;
        self.connection.read(buffer, |payload| {
            let now = Instant::now();
            match awaited.take() {
                Some(awaited) if is_timeout_of(payload, &awaited.id) => {
                    time = Some(now.saturating_duration_since(awaited.sent));
                }
                _ => complaint = Some(String::from_utf8_lossy(payload).into_owned()),
            }
        })?;
        match complaint {
            Some(complaint) => bail!("instead of `{EXPECTED}` the server said {complaint}"),
            None => Ok(time),
        }
    }
}

fn is_timeout_of(payload: &[u8], id: &str) -> bool {
    serde_json::from_slice::<Value>(payload).is_ok_and(|frame| {
        let error = &frame["_error"];
        error["code"] == EXPECTED && error["_msg_id"] == id
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;
    use crate::serve_floor;

    /// A server that answers without being asked; it waits before each answer.
    fn answer(answers: &'static [(&str, u64)]) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut socket = serve_floor::accept(&listener).unwrap();
            for (code, id) in answers {
                std::thread::sleep(Duration::from_millis(30));
                let frame = format!(r#"{{"_error":{{"code":"{code}","_msg_id":"{id}"}}}}"#);
                let mut bytes = Vec::new();
                websocket::write_unmasked(&mut bytes, TEXT, frame.as_bytes());
                socket.write_all(&bytes).unwrap();
            }
            // Hangs up only after the client.
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        });
        (address, server)
    }

    fn attack(answers: &'static [(&str, u64)]) -> Result<Vec<Duration>> {
        let (address, server) = answer(answers);
        let mut attackers = Attackers::connect(address, "/busy", 1).unwrap();
        let times = attackers.attack(r#""do":"loop""#, |answers| answers == 2);
        drop(attackers);
        server.join().unwrap();
        times
    }

    #[test]
    fn each_message_is_sent_after_the_error_of_the_one_before() {
        let times = attack(&[(EXPECTED, 0), (EXPECTED, 1)]).unwrap();
        assert_eq!(times.len(), 2);
        assert!(times.iter().all(|time| *time > Duration::from_millis(15)));
    }

    #[test]
    fn another_code_and_an_error_of_another_message_are_failures() {
        for answers in [&[("plugin_failed", 0)], &[(EXPECTED, 1)]] {
            let error = attack(answers).unwrap_err().to_string();
            assert!(error.contains("the server said"), "{error}");
        }
    }
}
