//! Hooks outside of any message: `connect`, `open`, `close`. What they want done is
//! committed as a message's effects are.
//!
//! There is no message that could be judged anew when a key or a row that they have read
//! changes before the commit: the hooks themselves run again.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::alert::Posting;
use crate::clock::now_micros;
use crate::connection::Connection;
use crate::effects::{Effect, Effects};
use crate::endpoint::Chain;
use crate::kv::Keys;
use crate::log::submission::{ATTEMPTS, Command};
use crate::log::{Lane, Part, Source, Submission};
use crate::rejection::{Rejection, code};
use crate::row::RowWrite;

use super::floor::Hold;
use super::{Outcome, Refused, hook_failed, parts};

/// Runs the hooks of a chain and commits their effects; both again when what they have
/// read has changed.
///
/// # Errors
/// The hooks' own, and `conflict` when others were faster every time.
pub async fn commit<'a, T>(
    connection: &Arc<Connection>,
    mut hooks: impl FnMut(Arc<Chain>) -> BoxFuture<'a, Result<(T, Effects), Refused>>,
) -> Result<T, Rejection> {
    for attempts in 0..ATTEMPTS {
        let _floor = floor(connection, attempts).await;
        let mut chain = connection.endpoint.chain();
        let (answer, effects) = loop {
            match hooks(Arc::clone(&chain)).await {
                Ok(done) => break done,
                Err(Refused::Rejected(rejection)) => return Err(rejection),
                // As for messages: a generation on probation has one behind it.
                Err(Refused::Failed(error)) => {
                    let rejection = hook_failed(&error);
                    chain = chain.fallback().ok_or(rejection)?;
                }
            }
        };
        if submit(connection, &chain, effects).await {
            return Ok(answer);
        }
    }
    tracing::warn!("others kept changing what hooks had read; their effects are lost");
    let message = "others changed the same at the same time; try again";
    Err(Rejection::new(code::CONFLICT, message))
}

/// Takes the endpoint's floor. Who is alone there also waits for what was judged before.
pub async fn floor(connection: &Connection, attempts: u32) -> Hold<'_> {
    let hold = connection.endpoint.floor.take(attempts).await;
    if let Hold::Alone(_) = hold {
        // The queue is first in, first out: behind something that does nothing, all is
        // settled.
        let nothing = Part {
            log: Arc::clone(&connection.endpoint.log),
            table: None,
            items: Vec::new(),
            keys: Keys::default(),
            alerts: Posting::default(),
            judged_by: Arc::default(),
        };
        let _ = send(connection, nothing, Vec::new()).await.drain().await;
    }
    hold
}

/// False if what the effects depend on has changed; nothing was done then.
async fn submit(connection: &Arc<Connection>, chain: &Chain, effects: Effects) -> bool {
    if effects.is_empty() {
        return true;
    }
    let mut wait = may_conflict(&effects);
    let now = now_micros() as u64;
    let outcome = Outcome {
        effects,
        ..Outcome::default()
    };
    let (own, published) = match parts(connection, chain, now, outcome).await {
        Ok(parts) => parts,
        Err(rejection) => {
            let what = &rejection.message;
            tracing::warn!("what a hook wanted done was rejected, and nothing of it is: {what}");
            return true;
        }
    };
    wait |= !published.is_empty();
    let lane = send(connection, own, published).await;
    !wait || lane.drain().await.is_empty()
}

/// Sends what no message has asked for on its way, in a lane of its own: no message that
/// comes back may take it along.
async fn send(connection: &Connection, own: Part, published: Vec<Part>) -> Arc<Lane> {
    let lane = Arc::new(Lane::new(1));
    let source = Source {
        command: Command::Handle {
            message_type: String::new(),
            message: serde_json::Map::new(),
        },
        message_id: None,
        connection: connection.id,
        user: connection.user_id().cloned(),
        received_at: now_micros() as u64,
        queued: false,
        awaited: false,
        attempts: 0,
    };
    let submission = Submission {
        own,
        published,
        rows: None,
        lane: Arc::clone(&lane),
        epoch: 0,
        source,
    };
    connection.endpoint.submit(submission).await;
    lane
}

fn may_conflict(effects: &Effects) -> bool {
    let changes = |effect: &Effect| {
        matches!(
            effect,
            Effect::Write(RowWrite::Update { .. } | RowWrite::Delete { .. })
        )
    };
    effects.list.iter().any(changes) || effects.keys.any_read()
}
