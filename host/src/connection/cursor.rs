//! Reading a connection up to the head of its log.
//!
//! History, resume and slow consumers are this one cursor at different lags: it reads a
//! piece, sends it, and reads on when the socket has taken it, until fan-out accepts the
//! connection as live.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::close_code;
use crate::deliver::{HubMessage, Subscribed};
use crate::rejection::{Rejection, code};

use super::{Connection, start};

/// Events and bytes read at a time.
const EVENTS: usize = 1_024;
const BYTES: usize = 256 * 1024;

/// Sends what follows from offset `next` on, or goes live. Called with an empty queue;
/// returns when something was sent, or when the connection is live.
pub async fn advance(connection: Arc<Connection>, next: u64) {
    let endpoint = &connection.endpoint;
    let table = endpoint.table.as_deref();
    match endpoint.reader.after(next - 1, table, EVENTS, BYTES).await {
        Ok(events) if events.is_empty() => go_live(&connection, next).await,
        Ok(events) => {
            let key = connection.class.read().clone();
            let mut bytes = Vec::new();
            let mut after = next;
            for event in &events {
                after = event.offset + 1;
                let visible = endpoint.visible(&connection, event);
                if let (true, Some(shape)) = (visible, key.shape(event)) {
                    endpoint.encoder.event(&key, event, shape, &mut bytes);
                }
            }
            connection.outbox.push_caught_up(bytes, after);
        }
        Err(Ok(reset)) => start::reset(&connection, reset).await,
        Err(Err(error)) => {
            tracing::error!(endpoint = %endpoint.name, %error, "the log can't be read");
            let rejection =
                Rejection::new(code::UNAVAILABLE, "the log can't be read now; reconnect");
            connection.refuse(None, &rejection);
            connection
                .outbox
                .close(close_code::UNAVAILABLE.code, "the log can't be read now");
        }
    }
}

async fn go_live(connection: &Connection, next: u64) {
    let (answer, subscribed) = oneshot::channel();
    let key = connection.class.read().clone();
    connection.endpoint.log.hub.send(HubMessage::Subscribe {
        connection: connection.id,
        key,
        next,
        answer,
    });
    match subscribed.await {
        // If it is behind, the lag still stands and the session calls again.
        Ok(Subscribed::Live | Subscribed::Behind) => {}
        Err(_) => connection
            .outbox
            .close(close_code::GOING_AWAY.code, "the server is stopping"),
    }
}
