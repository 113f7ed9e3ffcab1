//! `GET` with `Accept: text/event-stream`: history, then live, as server-sent events.
//!
//! The task of one stream. As with a WebSocket, fan-out puts live events into the outbox,
//! and a client that does not keep up becomes a cursor; but the bytes leave through here.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};
use tokio::sync::{Notify, mpsc};

use crate::close_code;
use crate::connection::{Connection, cursor, expiry, start};
use crate::deliver::socket::Ending;
use crate::endpoint::Work;
use crate::plugin::Cause;

use super::{Answer, answered, refusal};

/// A comment, so that nothing on the way takes a quiet stream for a dead one.
const HEARTBEAT: &[u8] = b":\n\n";

/// Tells nginx and those that heed its header to hold nothing back.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Serves a stream to its end.
pub async fn stream(connection: &Arc<Connection>, answer: Answer, hangup: &Notify) -> Cause {
    Work::new(&connection.endpoint, start::start(connection.clone())).await;
    if let Some(refused) = refusal(connection) {
        // The client may have left.
        answer.send(refused);
        return answered();
    }
    let (pieces, body) = mpsc::channel(1);
    if !answer.send(response(body)) {
        return left();
    }
    feed(connection, &pieces, hangup).await
}

/// Gives the client what there is for it, until one of them ends it.
async fn feed(
    connection: &Arc<Connection>,
    pieces: &mpsc::Sender<Bytes>,
    hangup: &Notify,
) -> Cause {
    let outbox = &connection.outbox;
    let timing = connection.endpoint.timing();
    let mut fed = Instant::now();
    // What the host has to say before it closes the stream.
    let mut last_words = None;
    while !pieces.is_closed() {
        last_words = last_words.or_else(|| said(connection));
        let waiting = last_words.is_some() || outbox.is_waiting();
        if outbox.ending() != Ending::Open && !waiting {
            return closed();
        }
        if let Some(next) = outbox.lag() {
            let advance = cursor::advance(connection.clone(), next);
            Work::new(&connection.endpoint, advance).await;
            continue;
        }
        let stuck = outbox
            .stuck_since()
            .map(|since| since + timing.write_timeout);
        let alarm = expiry::alarm(connection, stuck.unwrap_or(fed + timing.ping));
        tokio::select! {
            permit = pieces.reserve(), if waiting => {
                if let Ok(permit) = permit
                    && let Some(piece) = last_words.take().or_else(|| outbox.take())
                {
                    permit.send(piece);
                    fed = Instant::now();
                }
            }
            () = outbox.woken() => {}
            () = pieces.closed() => {}
            () = tokio::time::sleep_until(alarm.into()) => {
                if expiry::close(connection) {
                    continue;
                }
                if stuck.is_some() {
                    hangup.notify_one();
                    return stuck_client();
                }
                outbox.push(HEARTBEAT);
            }
        }
    }
    left()
}

/// What the host has refused, as text: too late for a status.
fn said(connection: &Connection) -> Option<Bytes> {
    let reply = connection.outbox.reply()?;
    let text = connection.endpoint.dialect.notice(reply.notice());
    let mut bytes = Vec::new();
    connection.outbox.wire().text(text.as_bytes(), &mut bytes);
    Some(bytes.into())
}

fn response(mut pieces: mpsc::Receiver<Bytes>) -> Response<Body> {
    let pieces = stream::poll_fn(move |context| pieces.poll_recv(context));
    let mut response = Response::new(Body::from_stream(pieces.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    let events = HeaderValue::from_static("text/event-stream");
    headers.insert(CONTENT_TYPE, events);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

fn left() -> Cause {
    Cause {
        code: close_code::NORMAL.code,
        reason: "the client has left".into(),
        clean: true,
    }
}

fn closed() -> Cause {
    Cause {
        code: close_code::NORMAL.code,
        reason: "closed by the server".into(),
        clean: true,
    }
}

fn stuck_client() -> Cause {
    Cause {
        code: close_code::HEARTBEAT_TIMEOUT.code,
        reason: "the client takes no bytes".into(),
        clean: false,
    }
}
