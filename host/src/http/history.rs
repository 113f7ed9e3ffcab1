//! `GET`: what a subscriber would get up to now, as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use tokio::time::Instant;

use crate::connection::{Connection, cursor, start};
use crate::deliver::socket::Ending;
use crate::endpoint::Work;
use crate::problem::rejected;
use crate::rejection::{Rejection, code};

use super::{Answer, long_poll, refusal};

/// The part of the log that one answer holds, as far as it is read.
#[derive(Default)]
pub struct Page {
    /// Texts, each behind a comma.
    elements: Vec<u8>,
    /// The first offset that is not in it; 0 before it is known, which is 1 at least.
    pub next: u64,
    /// It is full, and there is more.
    more: bool,
}

/// Reads up to the head, or waits if nothing is there, and answers.
pub async fn answer(connection: &Arc<Connection>, wait: Duration, mut answer: Answer) {
    let until = Instant::now() + wait;
    Work::new(&connection.endpoint, start::start(connection.clone())).await;
    let mut page = Page::default();
    page.fill(connection).await;
    if page.is_empty() && !wait.is_zero() {
        long_poll::until(connection, &mut page, until, &mut answer).await;
    }
    let response = match refusal(connection) {
        Some(refused) => refused,
        None if page.next == 0 => {
            let text = "the server is stopping; try again";
            rejected(&Rejection::new(code::UNAVAILABLE, text), None)
        }
        None => page.into_response(connection),
    };
    // The client may have left.
    answer.send(response);
}

impl Page {
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Reads on, up to the head or until it is full.
    pub async fn fill(&mut self, connection: &Arc<Connection>) {
        let endpoint = &connection.endpoint;
        let full = endpoint.history_limits().bytes;
        loop {
            while let Some(bytes) = connection.outbox.take() {
                self.elements.extend_from_slice(&bytes);
            }
            if connection.outbox.ending() != Ending::Open {
                return;
            }
            let Some(next) = connection.outbox.next_from_log() else {
                return;
            };
            self.next = next;
            if next > endpoint.log.ring.head() {
                return;
            }
            if self.elements.len() >= full {
                self.more = true;
                return;
            }
            Work::new(endpoint, cursor::advance(connection.clone(), next)).await;
        }
    }

    fn into_response(self, connection: &Connection) -> Response<Body> {
        let position = connection.endpoint.log.position(self.next - 1);
        let mut body = b"{\"messages\":[".to_vec();
        body.extend_from_slice(self.elements.get(1..).unwrap_or_default());
        let more = if self.more { ",\"more\":true" } else { "" };
        body.extend_from_slice(format!("],\"position\":\"{position}\"{more}}}").as_bytes());
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
