//! Does what was recorded and compares what comes back. Ids and times are masked, and
//! numbers compared by value; nothing else.
//!
//! Where a line says that nothing was heard for a while, time would prove little. After
//! each message a subscriber without a filter, the witness, waits until it is delivered;
//! then each connection is asked for an error, and nothing may come before that.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::Message;

use super::differences::{Instead, instead_of};
use super::mails;
use super::peer::Peer;
use crate::support::smtp::SmtpServer;
use crate::support::{TestClient, TestServer};

/// By this header the plugins of the tests know the witness, and leave its filter alone.
const WITNESS: (&str, &str) = ("x-witness", "yes");

pub struct Scenario {
    pub name: String,
    lines: Vec<Map<String, Value>>,
}

/// All scenarios of a recording, in order.
pub fn scenarios(file: &str) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = Vec::new();
    for line in lines(file) {
        match (line.get("scenario"), found.last_mut()) {
            (Some(name), _) => found.push(Scenario {
                name: name.as_str().expect("a name").to_owned(),
                lines: Vec::new(),
            }),
            (None, Some(scenario)) => scenario.lines.push(line),
            (None, None) => {}
        }
    }
    found
}

/// The lines of a recording.
pub fn lines(file: &str) -> Vec<Map<String, Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/gramex");
    let text = std::fs::read_to_string(folder.join(file));
    let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
    text.lines().map(parse).collect()
}

pub struct Replay {
    server: TestServer,
    /// Where connections are that the recorder opened before its first line.
    path: &'static str,
    witness: Option<TestClient>,
    /// Takes what alerts send.
    smtp: Option<SmtpServer>,
    peers: HashMap<String, Peer>,
    /// Recorded ids, and what they are here.
    ids: HashMap<String, String>,
}

impl Replay {
    pub async fn new(
        server: TestServer,
        path: &'static str,
        witnessed: bool,
        smtp: Option<SmtpServer>,
    ) -> Self {
        let mut witness = None;
        if witnessed {
            let url = server.url(&format!("{path}?_after="));
            let connected = TestClient::connect(&url, &[WITNESS]).await;
            let mut client = connected.unwrap_or_else(|refused| panic!("{url}: {refused:?}"));
            client.history().await;
            witness = Some(client);
        }
        Self {
            server,
            path,
            witness,
            smtp,
            peers: HashMap::new(),
            ids: HashMap::new(),
        }
    }

    pub async fn scenario(&mut self, scenario: &Scenario) {
        let mut refused = false;
        for line in &scenario.lines {
            let number = line["i"].as_u64().expect("a number");
            let instead = instead_of(&scenario.name, number);
            let at = format!("{}, line {number}", scenario.name);
            let name = line["conn"].as_str().expect("a connection");
            let direction = line["dir"].as_str().expect("a direction");
            match (direction, instead) {
                (_, Some(Instead::Skip)) => {}
                ("open", None) => self.open(name, line).await,
                ("open", Some(Instead::Status(status))) => self.shut_out(line, status, &at).await,
                ("open", Some(Instead::Closed(code, close))) => {
                    self.open(name, line).await;
                    self.cut_off(name, code, close, &at).await;
                }
                ("http_reject", None) => {
                    let status = line["status"].as_u64().and_then(|s| s.try_into().ok());
                    self.shut_out(line, status.expect("a status"), &at).await;
                }
                ("http", instead) => {
                    let recorded = line["status"].as_u64().and_then(|s| s.try_into().ok());
                    let status = match instead {
                        Some(Instead::Status(status)) => status,
                        _ => recorded.expect("a status"),
                    };
                    let answer = self.server.http("GET", self.path).await;
                    assert_eq!(answer.status, status, "{at}: {}", answer.text);
                }
                ("send" | "send_bin", instead) => {
                    let code = match instead {
                        Some(Instead::Refused(code)) => Some(code),
                        _ => None,
                    };
                    self.send(name, line).await;
                    self.settle(name, code, &at).await;
                    refused = code.is_some();
                }
                // What was recorded here followed from a message that is not taken here.
                ("recv" | "silence", None) if refused => self.hears_nothing(name, &at).await,
                ("closed", None) if refused => self.is_there_still(name, &at).await,
                ("closed", Some(Instead::Nothing)) => self.is_there_still(name, &at).await,
                ("recv", Some(Instead::Nothing)) => self.hears_nothing(name, &at).await,
                ("recv", instead) => {
                    let text = line["text"].as_str().expect("a text");
                    let expected = match instead {
                        Some(Instead::Frame(frame)) => frame,
                        _ => text,
                    };
                    self.receives(name, &parse(expected), &at).await;
                }
                ("silence", Some(Instead::Frame(frame))) => {
                    self.receives(name, &parse(frame), &at).await;
                }
                ("silence", None) => self.hears_nothing(name, &at).await,
                ("history_drained", None) => {
                    if let Some(peer) = self.peers.get_mut(name) {
                        peer.passes_over_history().await;
                    }
                }
                ("sent", None) => {
                    let smtp = self.smtp.as_ref().expect("a mail server");
                    mails::compare(smtp, &self.server, line, &at).await;
                }
                ("pong_frame", None) => self.is_answered_by_pong(name).await,
                ("close_sent", None) => {
                    if let Some(peer) = self.peers.remove(name) {
                        peer.client.close().await;
                    }
                }
                // The connection never came to be, or was closed already.
                ("closed", None) if !self.peers.contains_key(name) => {}
                _ => panic!("{at} can't be replayed"),
            }
            if matches!(direction, "open" | "close_sent") {
                refused = false;
            }
        }
    }

    /// For a scenario that was not played to its end.
    pub fn forget_connections(&mut self) {
        self.peers.clear();
    }

    async fn open(&mut self, name: &str, line: &Map<String, Value>) {
        let path = path_of(line);
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let peer = Peer::new(self.server.connect(&path).await, query);
        self.peers.insert(name.to_owned(), peer);
    }

    async fn shut_out(&mut self, line: &Map<String, Value>, status: u16, at: &str) {
        let (answered, body) = self.server.refused(&path_of(line), &[]).await;
        assert_eq!(answered, status, "{at}: {body}");
    }

    async fn cut_off(&mut self, name: &str, code: &str, close: u16, at: &str) {
        let mut peer = self.peers.remove(name).expect("just opened");
        let error = peer.client.recv().await;
        assert_eq!(error["_error"]["code"], code, "{at}: {error}");
        assert_eq!(peer.client.closed().await.0, close, "{at}");
    }

    async fn send(&mut self, name: &str, line: &Map<String, Value>) {
        let frame = match (line.get("text"), line.get("hex")) {
            (Some(Value::String(text)), _) => {
                let known = self.ids.iter();
                let text = known.fold(text.clone(), |text, (old, new)| text.replace(old, new));
                Message::text(text)
            }
            (_, Some(Value::String(hex))) => Message::binary(bytes(hex)),
            _ => panic!("nothing to send: {line:?}"),
        };
        self.peer(name).await.client.send_frame(frame).await;
    }

    /// Waits until a message is delivered, or refused with this code.
    async fn settle(&mut self, sender: &str, refused_with: Option<&str>, at: &str) {
        let Some(witness) = &mut self.witness else {
            return;
        };
        let peer = self.peers.get_mut(sender).expect("it has sent");
        let event = loop {
            tokio::select! {
                event = witness.recv() => break event,
                frame = peer.client.recv() => {
                    if frame.get("_error").is_none() {
                        peer.read.push_back(frame);
                        continue;
                    }
                    let code = &frame["_error"]["code"];
                    let expected = refused_with.unwrap_or("no error");
                    assert_eq!(code, expected, "{at}: {frame}");
                    return;
                }
            }
        };
        assert_eq!(refused_with, None, "{at}: was taken: {event}");
        for peer in self.peers.values_mut().filter(|peer| peer.mute_in_gramex) {
            peer.passes_over_rows().await;
            let heard = peer.next().await;
            assert_eq!(heard["id"], event["id"], "{at}: is not mute here: {heard}");
        }
    }

    async fn receives(&mut self, name: &str, recorded: &Map<String, Value>, at: &str) {
        let received = self.peer(name).await.next().await;
        let at = format!("{at}: {received}");
        let received = received.as_object().expect("an object");
        let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(received), keys(recorded), "keys and their order; {at}");
        for (key, old) in recorded {
            let new = &received[key];
            match (key.as_str(), old, new) {
                ("id", Value::String(old), Value::String(new)) => {
                    let known = self.ids.entry(old.clone()).or_insert_with(|| new.clone());
                    assert_eq!(known, new, "one id stands for one row; {at}");
                }
                ("timestamp" | "when", Value::String(old), Value::String(new)) => {
                    assert_eq!(old.len(), new.len(), "{at}");
                }
                (_, Value::Number(old), Value::Number(new)) => {
                    assert_eq!(old.as_f64(), new.as_f64(), "`{key}`; {at}");
                }
                _ => assert_eq!(old, new, "`{key}`; {at}"),
            }
        }
    }

    async fn hears_nothing(&mut self, name: &str, at: &str) {
        let peer = self.peer(name).await;
        if !peer.mute_in_gramex {
            let next = peer.marked().await;
            assert!(next.is_empty(), "{at}: {name} hears {next:?}");
        }
    }

    async fn is_there_still(&mut self, name: &str, at: &str) {
        let peer = self.peer(name).await;
        let before = peer.marked().await;
        let expected = peer.mute_in_gramex || before.is_empty();
        assert!(expected, "{at}: {name} hears {before:?}");
    }

    async fn is_answered_by_pong(&mut self, name: &str) {
        let ping = Message::Ping(b"golden".as_slice().into());
        let client = &mut self.peer(name).await.client;
        client.send_frame(ping).await;
        while client.next_frame().await != Some(Message::Pong(b"golden".as_slice().into())) {}
    }

    async fn peer(&mut self, name: &str) -> &mut Peer {
        if !self.peers.contains_key(name) {
            let peer = Peer::new(self.server.connect(self.path).await, "");
            self.peers.insert(name.to_owned(), peer);
        }
        self.peers.get_mut(name).expect("just inserted")
    }
}

/// Path and query of a line's URL, written as browsers send them.
fn path_of(line: &Map<String, Value>) -> String {
    let url = line["url"].as_str().expect("a URL");
    let (_, path) = url.split_once("://").expect("a URL");
    let path = &path[path.find('/').expect("a path")..];
    path.replace('<', "%3C").replace('>', "%3E")
}

fn parse(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .map(|pair| byte(pair).expect("hexadecimal"))
        .collect()
}
