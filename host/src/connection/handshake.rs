//! From an HTTP request to a connection: rate, origin, `connect` hooks, upgrade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use futures_util::FutureExt as _;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use parking_lot::RwLock;
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tracing::Instrument as _;

use crate::clock::now_micros;
use crate::config::Config;
use crate::deliver::{ClassKey, HubMessage, Outbox};
use crate::effects::Effects;
use crate::endpoint::{Chain, Endpoint, Work};
use crate::filter::parse_query;
use crate::id::ConnectionId;
use crate::judge;
use crate::log::Lane;
use crate::plugin::{Hook, HookError, Refusal};
use crate::problem::problem;
use crate::rate::Excess;
use crate::rejection::{Rejection, code};
use crate::server::Slot;

use super::{Client, Connection, User, session, start};

/// What the router found out about a request.
pub struct Arrival {
    pub address: SocketAddr,
    pub path_parameters: Vec<(String, String)>,
    pub config: Arc<Config>,
    /// The connection's place among those the server takes.
    pub slot: Slot,
}

/// Answers an upgrade request; the connection then lives in a task of its own.
pub async fn accept(
    endpoint: Arc<Endpoint>,
    arrival: Arrival,
    mut request: Request<Body>,
) -> Response<Body> {
    if let Err(excess) = endpoint.rates.load().connect(arrival.address.ip()) {
        return too_many(&endpoint, &excess);
    }
    if !origin_allowed(request.headers(), &arrival.config.server.origins) {
        let text = "pages of another origin may not connect; add it to `origins` under `[server]`";
        return problem(StatusCode::FORBIDDEN, "origin_refused", text);
    }
    let Ok(response) = soketto::handshake::http::Server::new().receive_request(&request) else {
        let text = "not a WebSocket handshake that can be answered (RFC 6455, version 13)";
        return problem(StatusCode::BAD_REQUEST, "bad_handshake", text);
    };
    let mut chain = endpoint.chain();
    if chain.is_door_shut() {
        let text = "the server's logic for this endpoint is out of service; try again later";
        return problem(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, text);
    }
    let accepted = loop {
        let asked = connect(chain.clone(), client(&endpoint, &arrival, &request));
        match Work::new(&endpoint, asked).await {
            Ok(accepted) => break accepted,
            Err(Refused::ByPlugin(refusal)) => return refused(refusal.status, &refusal.reason),
            Err(Refused::Held) => {
                let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL);
                return problem(status, code, "internal error");
            }
            Err(Refused::Failed(error)) => {
                let answer = failed(&endpoint, &error);
                match chain.fallback().filter(|_| error.is_failure()) {
                    Some(previous) => chain = previous,
                    None => return answer,
                }
            }
        }
    };
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
        let connection = establish(accepted.client, &accepted.groups, stream);
        commit(&connection, accepted.effects).await;
        // Boxed: the handshake's own future must not hold room for the session's.
        Box::pin(session::run(connection, early)).await;
        drop(slot);
    };
    tokio::spawn(task.instrument(span));
    response.map(|()| Body::empty())
}

/// The socket, and what has been read behind the handshake. Copied, because hyper's bytes
/// are a part of its read buffer and would keep all of it as long as the connection.
fn take_stream(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let parts = downcast::<TokioIo<TcpStream>>(upgraded).ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Who asks to connect, before any hook has seen them.
fn client(endpoint: &Arc<Endpoint>, arrival: &Arrival, request: &Request<Body>) -> Client {
    Client {
        id: ConnectionId::random(),
        endpoint: endpoint.clone(),
        args: RwLock::new(parse_query(request.uri().query().unwrap_or(""))),
        address: arrival.address,
        user: None,
        name: None,
        path_parameters: arrival.path_parameters.clone(),
        headers: shown_headers(request.headers()),
        metadata: None,
    }
}

/// What the `connect` hooks made of a client.
struct Accepted {
    client: Client,
    groups: Vec<String>,
    effects: Effects,
}

/// Why a client is not let in.
enum Refused {
    ByPlugin(Refusal),
    /// A hook gave no answer.
    Failed(HookError),
    /// A bug: a call has returned and still holds the client.
    Held,
}

/// Runs the `connect` hooks in order; each sees what those before it have set.
async fn connect(chain: Arc<Chain>, client: Client) -> Result<Accepted, Refused> {
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
            known.user = Some(User {
                claims: claims(&user.id, user.claims),
                id: user.id.into(),
            });
        }
        known.metadata = acceptance.metadata.or(known.metadata.take());
        known.name = acceptance.client_id.or(known.name.take());
    }
    let client = Arc::try_unwrap(client).map_err(|_| Refused::Held)?;
    Ok(Accepted {
        client,
        groups,
        effects,
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

/// Makes the connection known to its endpoint and to fan-out.
fn establish(client: Client, groups: &[String], stream: TcpStream) -> Arc<Connection> {
    let endpoint = client.endpoint.clone();
    let settings = endpoint.settings();
    let connection = Arc::new(Connection {
        id: client.id,
        endpoint: endpoint.clone(),
        client: Arc::new(client),
        since: SystemTime::now(),
        class: RwLock::new(Arc::new(ClassKey::default())),
        outbox: Arc::new(Outbox::new(stream, settings.buffer)),
        lane: Arc::new(Lane::new(settings.in_flight)),
        judging: tokio::sync::Mutex::default(),
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
    connection
}

/// Same-origin, or on the list. Clients that are no browsers send no `Origin`.
fn origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let same = origin
        .split_once("://")
        .is_some_and(|(_, authority)| Some(authority) == host);
    same || allowed.iter().any(|one| one.eq_ignore_ascii_case(origin))
}

/// What hooks may see of the request's headers.
fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = [COOKIE, AUTHORIZATION];
    headers
        .iter()
        .filter(|(name, _)| !secret.contains(name))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// The user's claims with their id in them, as JSON text.
fn claims(id: &str, claims: Option<String>) -> String {
    let parsed = claims.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut object = match parsed {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.insert("id".into(), id.into());
    Value::Object(object).to_string()
}

fn too_many(endpoint: &Endpoint, excess: &Excess) -> Response<Body> {
    excess.count(&endpoint.name);
    let seconds = excess.retry_after();
    let text = format!(
        "more connections than {} from this address; try again in {seconds} s",
        excess.rate
    );
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, &text);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn pages_of_another_origin_are_refused_unless_listed() {
        let allowed = ["https://app.example".to_owned()];
        let check = |origin: &'static str| {
            origin_allowed(
                &headers(&[("host", "chat.example:8080"), ("origin", origin)]),
                &allowed,
            )
        };
        assert!(check("http://chat.example:8080"));
        assert!(check("https://app.example"));
        assert!(!check("http://evil.example"));
        assert!(
            !check("http://chat.example"),
            "another port is another origin"
        );
        assert!(!check("null"));
        assert!(
            origin_allowed(&headers(&[("host", "chat.example")]), &[]),
            "no browser"
        );
    }

    #[test]
    fn secrets_stay_with_the_host() {
        let shown = shown_headers(&headers(&[
            ("cookie", "a=b"),
            ("authorization", "x"),
            ("accept", "y"),
        ]));
        assert_eq!(shown, [("accept".to_owned(), "y".to_owned())]);
    }
}
