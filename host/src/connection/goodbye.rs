//! The end of a connection, as plugins hear of it.

use std::sync::Arc;

use crate::clock::now_micros;
use crate::effects::Effects;
use crate::endpoint::Chain;
use crate::judge;
use crate::plugin::{Cause, Hook};

use super::Connection;

/// Runs the `close` hooks; what they want done is done after the connection is gone.
pub async fn tell_plugins(connection: &Arc<Connection>, cause: &Cause) {
    let mut chain = connection.endpoint.chain();
    let effects = loop {
        let (effects, failed) = close_by(&chain, connection, cause).await;
        match chain.fallback().filter(|_| failed) {
            Some(previous) => chain = previous,
            None => break effects,
        }
    };
    judge::submit_effects(connection, &chain, effects).await;
}

/// What the hooks of these plugins want done, and whether one has failed. Each is told,
/// whatever the others did.
async fn close_by(chain: &Chain, connection: &Arc<Connection>, cause: &Cause) -> (Effects, bool) {
    let call = connection.client.call("", now_micros() as u64);
    let (mut effects, mut failed) = (Effects::default(), false);
    for generation in chain.with(Hook::Close) {
        if let Err(error) = generation.close(&call, cause, &mut effects).await {
            failed |= error.is_failure();
            judge::hook_failed(&error);
        }
    }
    (effects, failed)
}
