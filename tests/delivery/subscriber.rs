//! A subscriber that checks what it gets, and keeps the rows that its frames describe.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{TestClient, TestServer};

/// A subscriber with the rows as its frames describe them.
pub struct Subscriber {
    client: TestClient,
    pub topic: Option<&'static str>,
    pub rows: BTreeMap<String, Value>,
    /// What it would resume from.
    position: String,
    /// How often it was told to begin anew.
    pub resets: usize,
    /// The end of history is yet to come.
    pub in_history: bool,
}

fn offset(position: &str) -> u64 {
    position
        .rsplit_once('-')
        .and_then(|(_, offset)| offset.parse().ok())
        .expect("a position")
}

impl Subscriber {
    pub async fn new(server: &TestServer, topic: Option<&'static str>) -> Self {
        let mut new = Self {
            client: Self::connect(server, topic, "").await,
            topic,
            rows: BTreeMap::new(),
            position: String::new(),
            resets: 0,
            in_history: true,
        };
        while new.in_history {
            new.read().await;
        }
        new
    }

    async fn connect(server: &TestServer, topic: Option<&str>, after: &str) -> TestClient {
        let filter = topic
            .map(|topic| format!("&topic={topic}"))
            .unwrap_or_default();
        TestClient::connect_narrow(&server.url(&format!("/chat?_after={after}{filter}"))).await
    }

    /// Reads a frame and does what it says.
    pub async fn read(&mut self) -> Value {
        let frame = self.client.recv().await;
        if frame.get("_reset").is_some() {
            self.rows.clear();
            self.resets += 1;
            self.in_history = true;
        } else if let Some(position) = frame["_history"]["position"].as_str() {
            self.position = position.to_owned();
            self.in_history = false;
        } else if let Some(position) = frame["_position"].as_str() {
            assert!(
                !self.in_history,
                "no event before the end of history: {frame}"
            );
            let (before, now) = (offset(&self.position), offset(position));
            assert!(
                before < now,
                "each event once, in order: {now} after {before}"
            );
            // Without a filter there is no excuse for a gap.
            assert!(
                self.topic.is_some() || now == before + 1,
                "a gap: {now} after {before}"
            );
            self.position = position.to_owned();
            self.apply(&frame);
        } else {
            assert!(self.in_history, "a row only in history: {frame}");
            let known = self.rows.insert(id(&frame), frame.clone());
            assert_eq!(known, None, "history has each row once");
        }
        frame
    }

    fn apply(&mut self, event: &Value) {
        match event["_method"].as_str() {
            Some("DELETE") => {
                // A row may have come and gone between history and here; it is gone.
                self.rows.remove(&id(event));
            }
            _ => {
                let row = self.rows.entry(id(event)).or_insert_with(|| json!({}));
                for key in ["id", "topic", "body"] {
                    if let Some(value) = event.get(key) {
                        row[key] = value.clone();
                    }
                }
            }
        }
    }

    pub async fn reconnect(&mut self, server: &TestServer) {
        // A position in the middle of history would be a promise of its rest.
        while self.in_history {
            self.read().await;
        }
        self.client = Self::connect(server, self.topic, &self.position).await;
    }

    pub async fn read_until(&mut self, body: &str) {
        while self.read().await["body"] != body {}
        while self.in_history {
            self.read().await;
        }
    }
}

pub fn id(frame: &Value) -> String {
    frame["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {frame}"))
        .to_owned()
}
