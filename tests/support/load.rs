//! Publishers and subscribers under load, and the check that nothing was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::database::Entry;
use super::{TestServer, within};

/// Messages of one publisher that are not acknowledged yet.
const IN_FLIGHT: usize = 8;

/// The body of the last message.
const END: &str = "the end";

/// What a lost connection means.
#[derive(Clone, Copy, PartialEq)]
pub enum Loss {
    /// The test has failed.
    Fails,
    /// Come back: publishers repeat what was not acknowledged, subscribers resume.
    Reconnects,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Load {
    stop: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
    publishers: Vec<JoinHandle<Vec<String>>>,
    subscribers: Vec<JoinHandle<Vec<Value>>>,
}

/// What happened.
pub struct Outcome {
    /// Bodies of the messages that were acknowledged.
    pub acked: Vec<String>,
    /// Each subscriber's events, without positions.
    pub seen: Vec<Vec<Value>>,
}

impl Load {
    /// Starts on an empty endpoint: first the subscribers, then, when these are live,
    /// the publishers.
    pub async fn start(
        server: &TestServer,
        path: &str,
        publishers: usize,
        subscribers: usize,
        loss: Loss,
    ) -> Self {
        let (stop, acked) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut live = Vec::new();
        for _ in 0..subscribers {
            let mut subscriber = Subscriber::new(server.url(path), loss).await;
            live.push(tokio::spawn(async move { subscriber.run().await }));
        }
        let publishers = (0..publishers).map(|number| {
            let publisher = Publisher {
                // The filter keeps others' messages away from it.
                url: server.url(&format!("{path}?body=-")),
                name: format!("p{number}"),
                loss,
                stop: stop.clone(),
                count: acked.clone(),
                next: 0,
                pending: Vec::new(),
                acked: Vec::new(),
            };
            tokio::spawn(publisher.run())
        });
        let publishers = publishers.collect();
        Self {
            stop,
            acked,
            publishers,
            subscribers: live,
        }
    }

    /// Messages acknowledged so far.
    pub fn acked(&self) -> u64 {
        self.acked.load(Ordering::Relaxed)
    }

    /// Waits until so many more messages are acknowledged.
    pub async fn progress(&self, more: u64) {
        let goal = self.acked() + more;
        super::eventually("messages to be acknowledged", async || {
            self.check_tasks();
            (self.acked() >= goal).then_some(())
        })
        .await;
    }

    /// A task that has ended early has panicked.
    fn check_tasks(&self) {
        let early = self.publishers.iter().any(JoinHandle::is_finished)
            || self.subscribers.iter().any(JoinHandle::is_finished);
        assert!(!early, "a publisher or subscriber has failed");
    }

    /// Lets the publishers come to an end, and the subscribers see all of it.
    pub async fn finish(self, server: &TestServer, path: &str) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut acked = Vec::new();
        for publisher in self.publishers {
            acked.extend(
                within("a publisher to finish", publisher)
                    .await
                    .expect("a publisher"),
            );
        }
        let mut last = server.connect(&format!("{path}?body=-")).await;
        last.acked(json!({"body": END})).await;
        acked.push(END.to_owned());
        let mut seen = Vec::new();
        for subscriber in self.subscribers {
            seen.push(
                within("a subscriber to see the end", subscriber)
                    .await
                    .expect("a subscriber"),
            );
        }
        Outcome { acked, seen }
    }
}

impl Outcome {
    /// Every acknowledged message is in the log once, and every subscriber has seen
    /// exactly the log, in its order.
    pub fn check(&self, log: &[Entry]) {
        super::database::assert_gapless(log);
        let mut bodies: Vec<_> = log
            .iter()
            .filter_map(|entry| entry.sent["body"].as_str())
            .collect();
        bodies.sort_unstable();
        let before = bodies.len();
        bodies.dedup();
        assert_eq!(bodies.len(), before, "no message is in the log twice");
        for body in &self.acked {
            assert!(
                bodies.binary_search(&body.as_str()).is_ok(),
                "`{body}` was acknowledged and is lost"
            );
        }
        for seen in &self.seen {
            for (at, (seen, entry)) in seen.iter().zip(log).enumerate() {
                assert_eq!(
                    *seen, entry.sent,
                    "event {at} of a subscriber, against the log"
                );
            }
            assert_eq!(seen.len(), log.len(), "every subscriber sees the whole log");
        }
    }
}

struct Publisher {
    url: String,
    name: String,
    loss: Loss,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    next: u64,
    pending: Vec<String>,
    acked: Vec<String>,
}

impl Publisher {
    async fn run(mut self) -> Vec<String> {
        let mut socket = connect(&self.url, self.loss).await;
        loop {
            let stopping = self.stop.load(Ordering::Relaxed);
            if stopping && self.pending.is_empty() {
                return self.acked;
            }
            let alive = if !stopping && self.pending.len() < IN_FLIGHT {
                let body = format!("{}-{}", self.name, self.next);
                self.next += 1;
                self.pending.push(body.clone());
                self.send(&mut socket, &body).await
            } else {
                self.receive(&mut socket).await
            };
            if !alive {
                assert!(
                    self.loss == Loss::Reconnects,
                    "{} has lost its connection",
                    self.name
                );
                socket = self.come_back().await;
            }
        }
    }

    async fn come_back(&self) -> Socket {
        loop {
            let mut socket = connect(&self.url, self.loss).await;
            let mut alive = true;
            for body in &self.pending {
                alive = alive && self.send(&mut socket, body).await;
            }
            if alive {
                return socket;
            }
        }
    }

    async fn send(&self, socket: &mut Socket, body: &str) -> bool {
        let message = json!({"body": body, "_msg_id": body, "_client": self.name});
        socket
            .send(Message::text(message.to_string()))
            .await
            .is_ok()
    }

    /// Reads a frame; false when the connection is lost.
    async fn receive(&mut self, socket: &mut Socket) -> bool {
        let Some(text) = next_text(socket).await else {
            return false;
        };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        let Some(id) = frame["_ack"]["_msg_id"].as_str() else {
            // Killed or stopping servers may still say so.
            let refused = frame["_error"]["code"] == "unavailable" && self.loss == Loss::Reconnects;
            assert!(refused, "{}: {text}", self.name);
            // What came behind it may have been written: all of it is sent again.
            return false;
        };
        let at = self.pending.iter().position(|body| body == id);
        assert_eq!(
            at,
            Some(0),
            "{}: acknowledged in order: {id} of {:?}",
            self.name,
            self.pending
        );
        self.acked.push(self.pending.remove(0));
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }
}

struct Subscriber {
    url: String,
    loss: Loss,
    socket: Socket,
    position: String,
    seen: Vec<Value>,
}

impl Subscriber {
    /// Connects and reads the end of the empty history.
    async fn new(url: String, loss: Loss) -> Self {
        let mut socket = connect(&format!("{url}?_after="), loss).await;
        let text = next_text(&mut socket).await.expect("the end of history");
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        let position = frame["_history"]["position"].as_str();
        let position = position
            .unwrap_or_else(|| panic!("not the end of history: {text}"))
            .to_owned();
        Self {
            url,
            loss,
            socket,
            position,
            seen: Vec::new(),
        }
    }

    async fn run(&mut self) -> Vec<Value> {
        loop {
            let Some(text) = next_text(&mut self.socket).await else {
                assert!(
                    self.loss == Loss::Reconnects,
                    "a subscriber has lost its connection"
                );
                self.socket =
                    connect(&format!("{}?_after={}", self.url, self.position), self.loss).await;
                continue;
            };
            let mut event: Value = serde_json::from_str(&text).expect("JSON");
            let object = event.as_object_mut().expect("an object");
            let position = object.shift_remove("_position");
            let position = position.unwrap_or_else(|| panic!("an event without position: {text}"));
            self.position = position.as_str().expect("text").to_owned();
            let end = event["body"] == END;
            self.seen.push(event);
            if end {
                return std::mem::take(&mut self.seen);
            }
        }
    }
}

/// Connects, if need be as soon as the server is back.
async fn connect(url: &str, loss: Loss) -> Socket {
    let connected = async {
        loop {
            match connect_async(url).await {
                Ok((socket, _)) => return socket,
                Err(error) => assert!(loss == Loss::Reconnects, "{url}: {error}"),
            }
            // Nothing says when it is back: ask again.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within("the server to take connections", connected).await
}

/// The next text frame; none when the connection is over.
async fn next_text(socket: &mut Socket) -> Option<String> {
    within("a text frame under load", async {
        loop {
            match socket.next().await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    })
    .await
}
