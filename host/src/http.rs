//! Plain HTTP on an endpoint's path, beside the WebSocket.
//!
//! ```text
//! request ─▶ connect hooks ─▶ POST PUT DELETE ─▶ publish ─▶ position
//!                        └──▶ GET ─▶ open hooks ─▶ history or resume (cursor)
//!                                     ├▶ JSON up to the head, or a wait for more (long-poll)
//!                                     └▶ server-sent events, live
//! ```
//!
//! A request is a connection for as long as it lasts: the same hooks, filters, limits and
//! errors, the same cursor and the same fan-out. What differs is its outbox, which no
//! socket takes the bytes from but a task of the request's own.

mod cors;
mod events;
mod history;
mod long_poll;
mod publish;
pub mod status;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{ACCEPT, ALLOW, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::close_code;
use crate::connection::handshake::{self, Arrival};
use crate::connection::{Connection, expiry, goodbye};
use crate::deliver::{Outbox, Reply};
use crate::endpoint::Endpoint;
use crate::log::Method;
use crate::plugin::Cause;
use crate::problem::{problem, rejected};
use crate::rejection::code;

/// The methods of an endpoint's path.
const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    /// To have its message published.
    Publish(Method),
    /// What there is; where there is nothing, to be told within this time.
    Messages { wait: Duration },
    /// What there is and what comes, as server-sent events.
    Events,
}

/// Answers a request that asks for no WebSocket.
pub async fn respond(
    endpoint: Arc<Endpoint>,
    arrival: Arrival,
    request: Request<Body>,
) -> Response<Body> {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match Wanted::of(&request) {
        Ok(wanted) => apart(endpoint, arrival, request, wanted).await,
        Err(response) => *response,
    };
    // One that is not trusted was refused already.
    if let Some(origin) = origin {
        cors::allow(&mut response, origin);
    }
    response
}

impl Wanted {
    fn of(request: &Request<Body>) -> Result<Self, Box<Response<Body>>> {
        match *request.method() {
            http::Method::POST => Ok(Self::Publish(Method::Post)),
            http::Method::PUT => Ok(Self::Publish(Method::Put)),
            http::Method::DELETE => Ok(Self::Publish(Method::Delete)),
            http::Method::GET if accepts_events(request.headers()) => Ok(Self::Events),
            http::Method::GET => match long_poll::wait(request.uri().query()) {
                Ok(wait) => Ok(Self::Messages { wait }),
                Err(rejection) => Err(Box::new(rejected(&rejection, None))),
            },
            http::Method::OPTIONS => Err(Box::new(allowing(no_content()))),
            _ => {
                let text = format!("this is an endpoint for messages; it knows {METHODS}");
                let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "unknown_method");
                Err(Box::new(allowing(problem(status, code, &text))))
            }
        }
    }

    /// Where what is for this client waits.
    fn outbox(self, endpoint: &Endpoint) -> Outbox {
        match self {
            Self::Publish(_) => Outbox::for_sender(),
            Self::Messages { .. } => Outbox::for_reader(),
            Self::Events => Outbox::for_stream(endpoint.settings.load().buffer),
        }
    }
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            let mut types = value.split(',');
            types.any(|one| {
                let kind = one.split(';').next().unwrap_or_default();
                kind.trim().eq_ignore_ascii_case("text/event-stream")
            })
        })
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn allowing(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}

/// Serves a request in a task of its own: a client that leaves must not take along what
/// has begun, its hooks least of all.
async fn apart(
    endpoint: Arc<Endpoint>,
    arrival: Arrival,
    request: Request<Body>,
    wanted: Wanted,
) -> Response<Body> {
    let (response, answered) = oneshot::channel();
    let answer = Answer {
        response,
        set_cookie: None,
    };
    tokio::spawn(serve(endpoint, arrival, request, wanted, answer));
    answered.await.unwrap_or_else(|_| {
        let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL);
        problem(status, code, "internal error")
    })
}

/// The way of the response to whoever waits for it.
struct Answer {
    response: oneshot::Sender<Response<Body>>,
    /// The session's, where it is new.
    set_cookie: Option<HeaderValue>,
}

impl Answer {
    /// False if the client has left.
    fn send(self, mut response: Response<Body>) -> bool {
        if let Some(cookie) = self.set_cookie {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        self.response.send(response).is_ok()
    }

    /// Waits until the client leaves.
    async fn closed(&mut self) {
        self.response.closed().await;
    }
}

async fn serve(
    endpoint: Arc<Endpoint>,
    arrival: Arrival,
    request: Request<Body>,
    wanted: Wanted,
    mut answer: Answer,
) {
    let (head, body) = request.into_parts();
    let head = Request::from_parts(head, ());
    let mut accepted = match handshake::admit(&endpoint, &arrival, &head).await {
        Ok(accepted) => accepted,
        Err(refusal) => {
            // As everywhere below: if the client has left, nobody is left to be told.
            answer.send(*refusal);
            return;
        }
    };
    answer.set_cookie = accepted.set_cookie.take();
    let Arrival { slot, hangup, .. } = arrival;
    let span = tracing::info_span!(
        "connection", endpoint = %endpoint.name, id = %accepted.client.id
    );
    let outbox = wanted.outbox(&endpoint);
    let task = async move {
        let connection = handshake::establish(accepted, outbox).await;
        let cause = match wanted {
            Wanted::Publish(method) => {
                let request = publish::Publication {
                    method,
                    headers: head.headers(),
                    body,
                };
                answer.send(publish::publish(&connection, request).await);
                answered()
            }
            Wanted::Messages { wait } => {
                let wait = expiry::within(&connection, wait);
                history::answer(&connection, wait, answer).await;
                answered()
            }
            Wanted::Events => events::stream(&connection, answer, &hangup).await,
        };
        goodbye::leave(&connection, cause).await;
        drop(slot);
    };
    task.instrument(span).await;
}

/// The end of a request, as `close` hooks hear of it.
fn answered() -> Cause {
    Cause {
        code: close_code::NORMAL.code,
        reason: "the request was answered".into(),
        clean: true,
    }
}

/// The answer to a request that was refused on its way; none if it was not.
fn refusal(connection: &Connection) -> Option<Response<Body>> {
    match connection.outbox.reply() {
        Some(Reply::Error { msg_id, rejection }) => Some(rejected(&rejection, msg_id.as_deref())),
        Some(Reply::Ack { .. }) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(method: &str, accept: &str) -> Option<Wanted> {
        let request = Request::builder().method(method).uri("/chat?_wait=5s");
        let request = request.header(ACCEPT, accept).body(Body::empty());
        Wanted::of(&request.expect("a request")).ok()
    }

    #[test]
    fn the_accept_header_chooses_between_events_and_json() {
        let json = Some(Wanted::Messages {
            wait: Duration::from_secs(5),
        });
        for accept in ["", "*/*", "application/json", "text/event-streams"] {
            assert_eq!(wanted("GET", accept), json, "{accept}");
        }
        for accept in ["text/event-stream", "text/html, Text/Event-Stream;q=0.9"] {
            assert_eq!(wanted("GET", accept), Some(Wanted::Events), "{accept}");
        }
        let put = Some(Wanted::Publish(Method::Put));
        assert_eq!(wanted("PUT", "text/event-stream"), put);
        assert_eq!(wanted("PATCH", "*/*"), None);
    }
}
