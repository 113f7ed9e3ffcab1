//! Hooks outside of any message: `connect`, `open`, `close`. What they want done is
//! committed as a message's effects are.
//!
//! There is no message that could be judged anew when a key or a row that they have read
//! changes before the commit: the hooks themselves run again.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::clock::now_micros;
use crate::connection::Connection;
use crate::effects::{Effect, Effects};
use crate::endpoint::Chain;
use crate::log::submission::{ATTEMPTS, Command};
use crate::log::{Lane, Source};
use crate::rejection::{Rejection, code};
use crate::row::RowWrite;

use super::{effect_items, submission};

/// Runs hooks and commits their effects; both again when what they have read has changed.
///
/// # Errors
/// The hooks' own, and `conflict` when others were faster every time.
pub async fn commit<'a, T>(
    connection: &Arc<Connection>,
    chain: &Chain,
    mut hooks: impl FnMut() -> BoxFuture<'a, Result<(T, Effects), Rejection>>,
) -> Result<T, Rejection> {
    for _ in 0..ATTEMPTS {
        let (answer, effects) = hooks().await?;
        if submit(connection, chain, effects).await {
            return Ok(answer);
        }
    }
    tracing::warn!("others kept changing what hooks had read; their effects are lost");
    let message = "others changed the same at the same time; try again";
    Err(Rejection::new(code::CONFLICT, message))
}

/// False if what the effects depend on has changed; nothing was done then.
async fn submit(connection: &Arc<Connection>, chain: &Chain, effects: Effects) -> bool {
    if effects.is_empty() {
        return true;
    }
    let source = Source {
        command: Command::Handle {
            message_type: String::new(),
            message: serde_json::Map::new(),
        },
        message_id: None,
        connection: connection.id,
        user: connection.user_id().cloned(),
        received_at: now_micros() as u64,
        attempts: 0,
    };
    let wait = may_conflict(&effects);
    let items = effect_items(&connection.endpoint, effects.list);
    // A lane of its own: no message that comes back may take it along.
    let lane = Arc::new(Lane::new(1));
    let written = (items, effects.keys);
    let submission = submission(connection, source, written, chain, (lane.clone(), 0));
    connection.endpoint.submit(submission).await;
    !wait || lane.drain().await.is_empty()
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
