//! From an HTTP request to a connection: rate, identity, `connect` hooks, upgrade.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use axum::body::Body;
use futures_util::FutureExt as _;
use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tracing::Instrument as _;

use crate::auth::{self, Identity, User};
use crate::clock::now_micros;
use crate::close_code;
use crate::deliver::{ClassKey, HubMessage, Outbox};
use crate::effects::Effects;
use crate::endpoint::{Chain, Endpoint, Work};
use crate::id::ConnectionId;
use crate::judge;
use crate::log::Lane;
use crate::plugin::{Hook, HookError, Refusal};
use crate::problem::{problem, rejected};
use crate::rejection::{Rejection, code};
use crate::server::Slot;

use super::{Client, Connection, session, start};

/// What the router found out about a request.
pub struct Arrival {
    pub address: SocketAddr,
    pub path_parameters: Vec<(String, String)>,
    /// The connection's place among those the server takes.
    pub slot: Slot,
    /// Ends the TCP connection of a client that takes no bytes, whatever of its answer is
    /// left. (WebSockets have a socket of their own.)
    pub hangup: Arc<Notify>,
}

/// Answers an upgrade request; the connection then lives in a task of its own.
pub async fn accept(
    endpoint: Arc<Endpoint>,
    arrival: Arrival,
    request: Request<Body>,
) -> Response<Body> {
    let mut request = request.map(|_| ());
    let Ok(response) = soketto::handshake::http::Server::new().receive_request(&request) else {
        let text = "not a WebSocket handshake that can be answered (RFC 6455, version 13)";
        return problem(StatusCode::BAD_REQUEST, "bad_handshake", text);
    };
    let mut accepted = match admit(&endpoint, &arrival, &request).await {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let set_cookie = accepted.set_cookie.take();
    let upgrade = hyper::upgrade::on(&mut request);
    let slot = arrival.slot;
    let span = tracing::info_span!(
        "connection", endpoint = %endpoint.name, id = %accepted.client.id
    );
    let task = async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "the client left during the handshake");
                return;
            }
        };
        let Some((stream, early)) = take_stream(upgraded) else {
            tracing::error!("the upgraded connection is no TCP stream");
            return;
        };
        let outbox = Outbox::new(stream, endpoint.settings.load().buffer);
        let connection = establish(accepted, outbox).await;
        // Boxed: the handshake's own future must not hold room for the session's.
        Box::pin(session::run(connection, early)).await;
        drop(slot);
    };
    tokio::spawn(task.instrument(span));
    let mut response = response.map(|()| Body::empty());
    if let Some(cookie) = set_cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Lets a request in, a handshake or any other: finds out who sends it, and asks the
/// `connect` hooks.
///
/// # Errors
/// The answer to one that is not let in.
pub async fn admit(
    endpoint: &Arc<Endpoint>,
    arrival: &Arrival,
    request: &Request<()>,
) -> Result<Accepted, Box<Response<Body>>> {
    let refuse = |status, code, text| Err(Box::new(problem(status, code, text)));
    let asking = auth::Request {
        uri: request.uri(),
        headers: request.headers(),
        peer: arrival.address,
    };
    let address = endpoint.auth.address(&asking).ip();
    let allowed = endpoint.rates.load().connect(&endpoint.name, address);
    allowed.map_err(|rejection| Box::new(rejected(&rejection, None)))?;
    let who = endpoint.identify(&asking).await;
    let who = who.map_err(|denied| Box::new(denied.response()))?;
    let mut chain = endpoint.chain();
    if chain.is_door_shut() {
        let text = "the server's logic for this endpoint is out of service; try again later";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, text);
    }
    loop {
        let asked = connect(chain.clone(), client(endpoint, arrival, &who));
        match Work::new(endpoint, asked).await {
            Ok(mut accepted) => {
                accepted.set_cookie = who.set_cookie;
                return Ok(accepted);
            }
            Err(Refused::ByPlugin(refusal)) => {
                return Err(Box::new(refused(refusal.status, &refusal.reason)));
            }
            Err(Refused::Held) => {
                let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL);
                return refuse(status, code, "internal error");
            }
            Err(Refused::Failed(error)) => {
                let answer = failed(endpoint, &error);
                match chain.fallback().filter(|_| error.is_failure()) {
                    Some(previous) => chain = previous,
                    None => return Err(Box::new(answer)),
                }
            }
        }
    }
}

/// The socket, and what has been read behind the handshake. Copied, because hyper's bytes
/// are a part of its read buffer and would keep all of it as long as the connection.
fn take_stream(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let parts = downcast::<TokioIo<TcpStream>>(upgraded).ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// The client before any hook has seen it.
fn client(endpoint: &Arc<Endpoint>, arrival: &Arrival, who: &Identity) -> Client {
    Client {
        id: ConnectionId::random(),
        endpoint: endpoint.clone(),
        args: RwLock::new(who.args.clone()),
        address: who.address,
        user: who.user.clone().map(OnceLock::from).unwrap_or_default(),
        session: who.session.clone(),
        name: None,
        path_parameters: arrival.path_parameters.clone(),
        headers: who.headers.clone(),
        metadata: RwLock::default(),
    }
}

/// What the `connect` hooks made of a client.
pub struct Accepted {
    pub client: Client,
    pub(super) groups: Vec<String>,
    pub(super) effects: Effects,
    /// The session's, where it is new.
    pub set_cookie: Option<HeaderValue>,
}

/// Why a client is not let in.
pub(super) enum Refused {
    ByPlugin(Refusal),
    /// A hook gave no answer.
    Failed(HookError),
    /// A bug: a call has returned and still holds the client.
    Held,
}

/// Runs the `connect` hooks in order; each sees what those before it have set.
pub(super) async fn connect(chain: Arc<Chain>, client: Client) -> Result<Accepted, Refused> {
    let mut client = Arc::new(client);
    let (mut groups, mut effects) = (Vec::new(), Effects::default());
    for generation in chain.with(Hook::Connect) {
        let call = client.call("", now_micros() as u64);
        let answer = generation.connect(&call, &mut effects).await;
        drop(call);
        let acceptance = answer
            .map_err(Refused::Failed)?
            .map_err(Refused::ByPlugin)?;
        groups.extend(acceptance.groups);
        let known = Arc::get_mut(&mut client).ok_or(Refused::Held)?;
        if let Some(user) = acceptance.user {
            // What vouched for whoever the hook has renamed still has its end.
            let until = known.user.get().and_then(|user| user.until);
            known.user = User::named(&user.id, user.claims.as_deref())
                .until(until)
                .into();
        }
        if acceptance.metadata.is_some() {
            *known.metadata.get_mut() = acceptance.metadata;
        }
        known.name = acceptance.client_id.or(known.name.take());
    }
    let client = Arc::try_unwrap(client).map_err(|_| Refused::Held)?;
    Ok(Accepted {
        client,
        groups,
        effects,
        set_cookie: None,
    })
}

/// Commits what the `connect` hooks want done. They have accepted the connection; if what
/// they had read has changed since, they are asked again, and may close it.
async fn commit(connection: &Arc<Connection>, effects: Effects) {
    let mut first = Some(effects);
    let hooks = move |chain: Arc<Chain>| {
        let first = first.take();
        async move {
            match first {
                Some(effects) => Ok(((), effects)),
                None => Ok(((), ask_again(connection, &chain).await?)),
            }
        }
        .boxed()
    };
    if let Err(rejection) = judge::outside::commit(connection, hooks).await {
        start::refuse(connection, &rejection);
    }
}

/// Runs the `connect` hooks of a connection that is there already: who it is stays as it
/// was.
async fn ask_again(connection: &Arc<Connection>, chain: &Chain) -> Result<Effects, judge::Refused> {
    let mut effects = Effects::default();
    for generation in chain.with(Hook::Connect) {
        let call = connection.client.call("", now_micros() as u64);
        match generation.connect(&call, &mut effects).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => {
                return Err(Rejection::new(code::REJECTED, refusal.reason).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(effects)
}

/// Makes the connection known to its endpoint, then has done what the `connect` hooks
/// want done.
pub async fn establish(accepted: Accepted, outbox: Outbox) -> Arc<Connection> {
    let connection = enter(accepted.client, &accepted.groups, outbox);
    commit(&connection, accepted.effects).await;
    connection
}

/// Makes the connection known to operators and to fan-out.
fn enter(client: Client, groups: &[String], outbox: Outbox) -> Arc<Connection> {
    let endpoint = client.endpoint.clone();
    let settings = endpoint.settings();
    let connection = Arc::new(Connection {
        id: client.id,
        endpoint: endpoint.clone(),
        client: Arc::new(client),
        since: SystemTime::now(),
        class: RwLock::new(Arc::new(ClassKey::default())),
        outbox: Arc::new(outbox),
        lane: Arc::new(Lane::new(settings.in_flight)),
        judging: tokio::sync::Mutex::default(),
        spoken: AtomicBool::new(false),
    });
    endpoint.groups.enter(connection.id, groups);
    endpoint
        .connections
        .write()
        .insert(connection.id, connection.clone());
    endpoint.log.hub.send(HubMessage::Enter {
        connection: connection.id,
        outbox: connection.outbox.clone(),
        user: connection.user_id().cloned(),
    });
    // Whoever closes all of them has been here before, or sees this one.
    if endpoint.stopping.load(Ordering::Relaxed) {
        let code = close_code::GOING_AWAY;
        connection.outbox.close(code.code, code.reason);
    }
    connection
}

fn refused(status: u16, reason: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.as_u16() >= 400);
    problem(
        status.unwrap_or(StatusCode::FORBIDDEN),
        code::REJECTED,
        reason,
    )
}

fn failed(endpoint: &Endpoint, error: &HookError) -> Response<Body> {
    let rejection = error.to_rejection();
    if !matches!(error, HookError::Rejected(_)) {
        tracing::error!(endpoint = %endpoint.name, %error, "a connect hook failed");
    }
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        &rejection.code,
        &rejection.message,
    )
}
