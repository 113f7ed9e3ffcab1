//! A connection as the recording names it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::support::TestClient;

pub struct Peer {
    pub client: TestClient,
    /// What was read while waiting for something else.
    pub read: VecDeque<Value>,
    /// Gramex sent it nothing, because of `_limit=0` or `_offset=1`. Here it hears all.
    pub mute_in_gramex: bool,
}

impl Peer {
    /// A client that has connected with this query string.
    pub fn new(client: TestClient, query: &str) -> Self {
        Self {
            client,
            read: VecDeque::new(),
            mute_in_gramex: matches!(query, "_limit=0" | "_offset=1"),
        }
    }

    pub async fn next(&mut self) -> Value {
        match self.read.pop_front() {
            Some(frame) => frame,
            None => self.client.recv().await,
        }
    }

    /// What comes before the answer to a message that is refused.
    pub async fn marked(&mut self) -> Vec<Value> {
        self.client.send(json!({"_method": "MARK"})).await;
        let mut before: Vec<_> = self.read.drain(..).collect();
        let marked = |frame: &Value| frame["_error"]["code"] == "unknown_method";
        before.extend(self.client.recv_until(marked).await.0);
        before
    }

    pub async fn passes_over_history(&mut self) {
        let before = self.marked().await;
        let rows = before.iter().all(|frame| frame.get("_method").is_none());
        assert!(rows, "history, then nothing: {before:?}");
    }

    /// Of what has been read and is to be read, rows of history.
    pub async fn passes_over_rows(&mut self) {
        loop {
            let frame = self.next().await;
            if frame.get("_method").is_some() {
                self.read.push_front(frame);
                return;
            }
        }
    }
}
