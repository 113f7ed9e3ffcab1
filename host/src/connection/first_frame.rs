//! A client that could send no header says who it is: its first frame has a token.
//!
//! It has been anonymous until then, and has got what anonymous clients get. From here on
//! it is a user, as if it had been one at the handshake: the endpoint's condition and the
//! `connect` hooks are asked again, and may say no. Whoever is refused is closed, and does
//! not go on as somebody else without noticing.

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::auth::{Denied, Visitor};
use crate::deliver::HubMessage;
use crate::dialect::{Credentials, Notice, Undecodable};
use crate::effects::{Effect, Effects, GroupChange};
use crate::endpoint::Chain;
use crate::judge;
use crate::rejection::{Rejection, code};

use super::handshake::{self, Refused};
use super::{Client, Connection, start};

/// Takes a frame with a token, whether or not it is the first.
pub async fn take(
    connection: &Arc<Connection>,
    presented: Result<Credentials, Undecodable>,
    is_first: bool,
) {
    // Its session and the queue must not work for one connection at the same time.
    let _turn = connection.judging.lock().await;
    let presented = match presented {
        Ok(presented) => presented,
        Err(undecodable) => {
            connection.refuse(undecodable.msg_id.as_deref(), &undecodable.rejection);
            return;
        }
    };
    let msg_id = presented.msg_id.as_deref();
    if !is_first || connection.user_id().is_some() {
        let text = "`_auth` counts in the first frame of an anonymous connection only; this one \
                    was ignored, and not taken for a message";
        connection.refuse(msg_id, &Rejection::new(code::BAD_KEY, text));
        return;
    }
    match authenticate(connection, &presented.token).await {
        Ok(()) => {
            let user = connection.user_id().map_or("", |user| user);
            connection.notify(Notice::Authenticated { msg_id, user });
        }
        Err(rejection) => {
            connection.refuse(msg_id, &rejection);
            start::close(connection, &rejection);
        }
    }
}

async fn authenticate(connection: &Arc<Connection>, token: &str) -> Result<(), Rejection> {
    let (endpoint, client) = (&connection.endpoint, &connection.client);
    let args = client.args.read().clone();
    let visitor = Visitor {
        endpoint: &endpoint.name,
        user: None,
        session: client.session.as_deref(),
        args: &args,
    };
    let gate = &endpoint.settings().auth;
    let user = endpoint.auth.user(token, gate, &visitor).await;
    let user = user.map_err(|denied| rejection(&denied))?;
    if endpoint.chain().is_door_shut() {
        let text = "the server's logic for this endpoint is out of service; try again later";
        return Err(Rejection::new(code::UNAVAILABLE, text));
    }
    let hooks = |chain: Arc<Chain>| {
        let candidate = client.known_as(user.clone());
        ask(chain, candidate).boxed()
    };
    let mut accepted = judge::outside::commit(connection, hooks).await?;
    if let Some(user) = accepted.user.take() {
        let id = user.id.clone();
        // Nobody else sets it: this is the first frame, and there is one of those.
        let _ = client.user.set(user);
        endpoint.log.hub.send(HubMessage::Identify {
            connection: connection.id,
            user: id,
        });
    }
    *client.metadata.write() = accepted.metadata.into_inner();
    Ok(())
}

/// Asks the `connect` hooks about a client that has become somebody.
async fn ask(chain: Arc<Chain>, candidate: Client) -> Result<(Client, Effects), judge::Refused> {
    let accepted = handshake::connect(chain, candidate).await;
    let accepted = accepted.map_err(|refused| match refused {
        Refused::ByPlugin(refusal) => Rejection::new(code::REJECTED, refusal.reason).into(),
        Refused::Failed(error) => judge::Refused::from(error),
        Refused::Held => Rejection::new(code::INTERNAL, "internal error").into(),
    })?;
    let connection = accepted.client.id;
    let join = |group| Effect::Group(GroupChange::Join { connection, group });
    let mut effects = accepted.effects;
    let joins = accepted.groups.into_iter().map(join);
    effects.list = joins.chain(effects.list).collect();
    Ok((accepted.client, effects))
}

fn rejection(denied: &Denied) -> Rejection {
    Rejection::new(denied.code(), denied.message())
}
