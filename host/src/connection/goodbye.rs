//! The end of a connection, as plugins hear of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt as _;

use crate::clock::now_micros;
use crate::deliver::HubMessage;
use crate::effects::Effects;
use crate::endpoint::{Chain, Work};
use crate::judge;
use crate::plugin::{Cause, Hook, HookError};

use super::Connection;

/// Takes a connection that is over from its endpoint, once the plugins have been told.
pub async fn leave(connection: &Arc<Connection>, cause: Cause) {
    tracing::debug!(connection = %connection.id, code = cause.code, "closed");
    let endpoint = &connection.endpoint;
    if !endpoint.stopping.load(Ordering::Relaxed) {
        Work::new(endpoint, tell_plugins(connection.clone(), cause)).await;
    }
    endpoint.connections.write().remove(&connection.id);
    endpoint.log.hub.send(HubMessage::Exit {
        connection: connection.id,
    });
}

/// Runs the `close` hooks; what they want done is done after the connection is gone.
async fn tell_plugins(connection: Arc<Connection>, cause: Cause) {
    let (connection, cause) = (&connection, &cause);
    let hooks = |chain: Arc<Chain>| {
        async move { Ok(((), close_by(&chain, connection, cause).await?)) }.boxed()
    };
    // A failure is logged there; nobody is left to be told.
    let _ = judge::outside::commit(connection, hooks).await;
}

/// What the hooks of these plugins want done. Each is told, whatever the others did. A
/// failure counts where others can take over.
async fn close_by(
    chain: &Chain,
    connection: &Arc<Connection>,
    cause: &Cause,
) -> Result<Effects, HookError> {
    let call = connection.client.call("", now_micros() as u64);
    let (mut effects, mut failed) = (Effects::default(), None);
    for generation in chain.with(Hook::Close) {
        if let Err(error) = generation.close(&call, cause, &mut effects).await {
            if chain.fallback().is_none() {
                judge::hook_failed(&error);
            }
            failed = Some(error);
        }
    }
    match failed {
        Some(error) if error.is_failure() && chain.fallback().is_some() => Err(error),
        _ => Ok(effects),
    }
}
