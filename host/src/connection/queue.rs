//! Messages whose endpoint has a plugin that is away: they wait, and are judged in their
//! order when it is back.

use std::sync::Arc;

use tracing::Instrument as _;

use crate::config::QueueConfig;
use crate::endpoint::{Chain, Endpoint, Work};
use crate::rejection::{Rejection, code};
use crate::waiting::{Offer, WhenFull};

use super::{Connection, message};

/// A text frame as it was received.
pub struct Frame {
    pub connection: Arc<Connection>,
    pub text: String,
    /// Microseconds since 1970-01-01 UTC.
    pub received_at: u64,
}

impl Frame {
    /// The message's own id, for an answer to a frame that is not judged.
    pub fn msg_id(&self) -> Option<String> {
        let endpoint = &self.connection.endpoint;
        let types = endpoint.chain();
        let decoded = endpoint.dialect.decode(&self.text, types.handler_types());
        decoded.map_or_else(|error| error.msg_id, |decoded| decoded.msg_id)
    }
}

/// Takes a frame in. It is to be judged now, by these plugins; or it waits, or its sender
/// has been told that it can't.
pub fn admit(mut frame: Frame) -> Option<(Frame, Arc<Chain>)> {
    let endpoint = Arc::clone(&frame.connection.endpoint);
    loop {
        let queue = &endpoint.settings.load().queue;
        match endpoint.waiting.offer(frame, queue.size, queue.when_full) {
            Offer::Pass(passed) => {
                let chain = endpoint.chain();
                if chain.quarantined().is_none() {
                    return Some((passed, chain));
                }
                // Whoever finds a plugin away closes the queue.
                endpoint.waiting.close();
                frame = passed;
                continue;
            }
            Offer::Waits => {}
            Offer::Displaced(dropped) | Offer::Refused(dropped) => refuse(&dropped, queue),
        }
        // The plugin may have come back just before this message closed the queue.
        if endpoint.chain().quarantined().is_none() {
            empty(&endpoint);
        }
        return None;
    }
}

/// Puts other plugins in force, and lets go on what has waited for them.
pub fn exchange(endpoint: &Arc<Endpoint>, chain: Chain) {
    endpoint.chain.store(Arc::new(chain));
    empty(endpoint);
}

/// Has the waiting messages judged, one after the other, unless somebody does already.
fn empty(endpoint: &Arc<Endpoint>) {
    if endpoint.chain().quarantined().is_none() && endpoint.waiting.begin() {
        tokio::spawn(judge_all(Arc::clone(endpoint)));
    }
}

async fn judge_all(endpoint: Arc<Endpoint>) {
    while let Some(frame) = endpoint.waiting.next() {
        let chain = endpoint.chain();
        if chain.quarantined().is_some() {
            endpoint.waiting.stop(frame);
            // It may be back by now, and whoever brought it back has left it to us.
            if endpoint.chain().quarantined().is_none() && endpoint.waiting.begin() {
                continue;
            }
            return;
        }
        let connection = Arc::clone(&frame.connection);
        let span = tracing::info_span!(
            "connection", endpoint = %endpoint.name, id = %connection.id
        );
        let take = message::take(frame, chain, true).instrument(span);
        Work::new(&endpoint, take).await;
        if !endpoint.connections.read().contains_key(&connection.id) {
            // Its session, which looks after what comes back, is over.
            let again = message::judge_again(connection);
            Work::new(&endpoint, again).await;
        }
    }
}

/// Tells a sender that there is no room.
fn refuse(frame: &Frame, queue: &QueueConfig) {
    let connection = &frame.connection;
    let endpoint = &connection.endpoint;
    metrics::counter!("hookcast_waiting_dropped_total", "endpoint" => endpoint.name.clone())
        .increment(1);
    let what = match queue.when_full {
        WhenFull::DropOldest if queue.size > 0 => "it was dropped for a newer one",
        _ => "there is no room for it",
    };
    let rejection = match queue.size {
        0 => Rejection::new(
            code::UNAVAILABLE,
            "the server's logic for this endpoint is out of service; nothing of the message \
             took effect. Try again later",
        ),
        size => Rejection::new(
            code::QUEUE_FULL,
            format!(
                "the server's logic for this endpoint is out of service, {size} messages wait for \
                 it, and {what}; nothing of the message took effect. Try again later"
            ),
        ),
    };
    connection.refuse(frame.msg_id().as_deref(), &rejection);
}
