//! One message on its way in: decode, judge, hand to the sequencer.
//!
//! The commit is not awaited, so that a connection's messages follow one another
//! closely; its lane keeps them in order and bounds how many are on their way.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::clock::now_micros;
use crate::deliver::Reply;
use crate::dialect::Decoded;
use crate::endpoint::Chain;
use crate::judge;
use crate::log::Source;
use crate::log::submission::MessageId;
use crate::rejection::{Rejection, code};

use super::Connection;
use super::first_frame;
use super::queue::{self, Frame};

/// A text frame.
pub async fn text(connection: Arc<Connection>, text: String) {
    let is_first = !connection.spoken.swap(true, Ordering::Relaxed);
    if let Some(presented) = connection.endpoint.dialect.credentials(&text) {
        first_frame::take(&connection, presented, is_first).await;
        return;
    }
    let frame = Frame {
        connection,
        text,
        received_at: now_micros() as u64,
    };
    let rates = frame.connection.endpoint.rates.load();
    let allowed = rates.message(&frame.connection.client);
    drop(rates);
    if let Err(rejection) = allowed {
        // Decoded only for its id, which the answer needs.
        let msg_id = frame.msg_id();
        frame.connection.refuse(msg_id.as_deref(), &rejection);
        return;
    }
    if let Some((frame, chain)) = queue::admit(frame) {
        take(frame, chain, false).await;
    }
}

/// Takes a frame through judging. `queued` says whether it has waited for its plugins.
pub async fn take(frame: Frame, chain: Arc<Chain>, queued: bool) {
    let connection = frame.connection;
    let endpoint = &connection.endpoint;
    // Its session and the queue must not judge for one connection at the same time.
    let _turn = connection.judging.lock().await;
    let decoded = match endpoint.dialect.decode(&frame.text, chain.handler_types()) {
        Ok(decoded) => decoded,
        Err(undecodable) => {
            connection.refuse(undecodable.msg_id.as_deref(), &undecodable.rejection);
            return;
        }
    };
    send_on(&connection, chain, decoded, (frame.received_at, queued)).await;
}

/// Takes a message that came by HTTP through judging. It has a connection of its own.
pub async fn request(connection: Arc<Connection>, chain: Arc<Chain>, decoded: Decoded) {
    let now = now_micros() as u64;
    send_on(&connection, chain, decoded, (now, false)).await;
}

/// Judges a message and sends it on its way; with when it was received, and whether it has
/// waited since.
async fn send_on(
    connection: &Arc<Connection>,
    chain: Arc<Chain>,
    decoded: Decoded,
    (received_at, queued): (u64, bool),
) {
    if let Some(id) = &decoded.msg_id {
        tracing::Span::current().record("msg_id", id);
    }
    let message_id = decoded.msg_id.map(|id| MessageId {
        sender: sender(connection, decoded.client),
        id,
        body: digest(&decoded.command),
    });
    let source = Source {
        command: decoded.command,
        message_id,
        connection: connection.id,
        user: connection.user_id().cloned(),
        received_at,
        queued,
        awaited: connection.outbox.keeps_replies(),
        attempts: 0,
    };
    if judge::is_selection(&connection.endpoint, &source.command) {
        // It is about what its sender has sent before, too.
        judge_returned(connection).await;
    }
    let epoch = turn(connection).await;
    let _floor = judge::outside::floor(connection, source.attempts).await;
    submit(connection, Ok(chain), source, epoch).await;
}

/// Waits until the connection may send one more on its way; gives the epoch for it. The
/// epoch is read first: if a message comes back after that, the one judged now will, too.
async fn turn(connection: &Arc<Connection>) -> u32 {
    loop {
        let epoch = connection.lane.epoch();
        if connection.lane.ready().await {
            return epoch;
        }
        judge_returned(connection).await;
    }
}

/// Judges what has come back from the sequencer.
pub async fn judge_again(connection: Arc<Connection>) {
    let _turn = connection.judging.lock().await;
    judge_returned(&connection).await;
}

/// One at a time: the next is judged only when the one before is committed, so that a
/// connection can't be in its own way.
async fn judge_returned(connection: &Arc<Connection>) {
    loop {
        let returned = connection.lane.drain().await;
        if returned.is_empty() {
            return;
        }
        let mut returned = returned.into_iter();
        while let Some(source) = returned.next() {
            let _floor = judge::outside::floor(connection, source.attempts).await;
            let chain = connection.endpoint.chain_in_service();
            // Nothing is on its way, so the epoch can't change before this departs.
            submit(connection, chain, source, connection.lane.epoch()).await;
            let again = connection.lane.drain().await;
            if !again.is_empty() {
                // Others were faster once more: this one again, then the rest.
                returned = again
                    .into_iter()
                    .chain(returned)
                    .collect::<Vec<_>>()
                    .into_iter();
            }
        }
    }
}

/// A binary frame that is no text, or a message that is too large.
pub fn unsupported(connection: &Connection, size: Option<usize>) {
    let endpoint = &connection.endpoint;
    if let Err(rejection) = endpoint.rates.load().message(&connection.client) {
        connection.refuse(None, &rejection);
        return;
    }
    let rejection = match size {
        Some(size) => too_large(size, endpoint.settings.load().message_limit),
        None => Rejection::new(
            code::BAD_JSON,
            "a binary frame that is not UTF-8, let alone JSON",
        ),
    };
    connection.refuse(None, &rejection);
}

/// What the sender of a message hears that has more bytes than its endpoint takes.
pub fn too_large(size: usize, limit: usize) -> Rejection {
    let message = format!("the message has {size} bytes; this endpoint takes up to {limit}");
    Rejection {
        details: Some(json!({"size": size, "limit": limit})),
        ..Rejection::new(code::TOO_LARGE, message)
    }
}

async fn submit(
    connection: &Arc<Connection>,
    chain: Result<Arc<Chain>, Rejection>,
    source: Source,
    epoch: u32,
) {
    let message_id = source.message_id.clone();
    let endpoint = &connection.endpoint;
    // Nobody should wait for what is judged in the background.
    let _judging = (!endpoint.is_in_background()).then(|| endpoint.sequencer.announce());
    let judged = match chain {
        Ok(chain) => judge::judge(connection, chain, source, epoch).await,
        Err(rejection) => Err(rejection),
    };
    match judged {
        Ok(submission) => endpoint.submit(submission).await,
        Err(rejection) => refuse(connection, message_id, &rejection).await,
    }
}

/// A message sent again may well be refused the second time: the row it deleted is gone.
/// Its sender wants to know what became of the first.
async fn refuse(connection: &Connection, message_id: Option<MessageId>, rejection: &Rejection) {
    let Some(id) = message_id else {
        connection.refuse(None, rejection);
        return;
    };
    let endpoint = &connection.endpoint;
    let committed = match &endpoint.reader.storage {
        Some(storage) => storage.receipt(endpoint.log.id, &id).await,
        None => Ok(None),
    };
    match committed {
        Ok(Some(receipt)) => connection.answer(Reply::ack(Some(&id), receipt)),
        _ => connection.refuse(Some(&id.id), rejection),
    }
}

/// Whose message ids these are. Anonymous senders without a name of their own share no
/// ids with anyone: theirs end with the connection.
fn sender(connection: &Connection, client: Option<String>) -> String {
    match (
        connection.user_id(),
        client.or_else(|| connection.client.name.clone()),
    ) {
        (Some(user), _) => format!("u:{user}"),
        (None, Some(client)) => format!("c:{client}"),
        (None, None) => format!("n:{}", connection.id),
    }
}

fn digest(command: &crate::log::submission::Command) -> [u8; 16] {
    use crate::log::submission::Command;
    let (kind, message) = match command {
        Command::Change { method, message } => (method.as_str(), message),
        Command::Handle {
            message_type,
            message,
        } => (message_type.as_str(), message),
    };
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update([0]);
    // A map always serialises.
    hash.update(serde_json::to_vec(message).unwrap_or_default());
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}
