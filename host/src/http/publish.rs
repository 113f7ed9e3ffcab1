//! `POST`, `PUT`, `DELETE`: one message, on the way of all messages, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use crate::connection::{Connection, message, start};
use crate::deliver::Reply;
use crate::dialect::Decoded;
use crate::endpoint::Work;
use crate::filter::{self, Args};
use crate::log::Method;
use crate::log::submission::Command;
use crate::problem::{problem, rejected};
use crate::rejection::{Rejection, code};

use super::refusal;

/// A client's name for its request, which makes sending it twice harmless.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest `Idempotency-Key`, in bytes; that of `_msg_id`.
const KEY_LIMIT: usize = 200;

/// A body that is too long is read to its end up to this many times the limit: a client
/// that is still sending does not see an answer.
const SKIPPED: usize = 256;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the request brings.
pub struct Publication<'a> {
    pub method: Method,
    pub headers: &'a HeaderMap,
    pub body: Body,
}

/// Has the message judged and written. The response says its position, or why not.
pub async fn publish(connection: &Arc<Connection>, request: Publication<'_>) -> Response<Body> {
    if let Some(refused) = refusal(connection) {
        return refused;
    }
    let rates = connection.endpoint.rates.load();
    if let Err(rejection) = rates.message(&connection.client) {
        return refuse(connection, &rejection, None);
    }
    drop(rates);
    let asked = connection.client.args.read().clone();
    if let Err(rejection) = start::set_args(connection, &asked) {
        return refuse(connection, &rejection, None);
    }
    let limit = connection.endpoint.settings.load().message_limit;
    let text = match tokio::time::timeout(BODY_TIMEOUT, text(request.body, limit)).await {
        Ok(Ok(text)) => text,
        Ok(Err(rejection)) => return refuse(connection, &rejection, None),
        Err(_) => {
            let detail = "the request's body did not arrive in time; nothing of it took effect";
            return problem(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail);
        }
    };
    let text = match request.method {
        Method::Delete if text.is_empty() => from_query(&asked),
        _ => text,
    };
    if text.len() > limit {
        return refuse(connection, &message::too_large(text.len(), limit), None);
    }
    let endpoint = &connection.endpoint;
    if endpoint.dialect.credentials(&text).is_some() {
        let text = "`_auth` is for the first frame of a WebSocket, and was not taken for a message; \
                    send the token as `Authorization: Bearer TOKEN`";
        return refuse(connection, &Rejection::new(code::BAD_KEY, text), None);
    }
    let chain = match endpoint.chain_in_service() {
        Ok(chain) => chain,
        Err(rejection) => return refuse(connection, &rejection, None),
    };
    let decoded = endpoint
        .dialect
        .decode_request(request.method, &text, chain.handler_types());
    let mut decoded = match decoded {
        Ok(decoded) => decoded,
        Err(refused) => {
            return refuse(connection, &refused.rejection, refused.msg_id.as_deref());
        }
    };
    let nameless = connection.client.name.is_none();
    if let Err(rejection) = name(&mut decoded, request.headers, nameless) {
        return refuse(connection, &rejection, None);
    }
    let created = matches!(
        decoded.command,
        Command::Change {
            method: Method::Post,
            ..
        }
    );
    let judging = message::request(connection.clone(), chain, decoded);
    Work::new(endpoint, judging).await;
    let reply = settled(connection).await;
    answer(connection, &reply, created)
}

/// Refuses what has not come so far as to be judged; it counts as it does on a WebSocket.
fn refuse(connection: &Connection, rejection: &Rejection, msg_id: Option<&str>) -> Response<Body> {
    connection.refuse(msg_id, rejection);
    rejected(rejection, msg_id)
}

/// The body, as text.
async fn text(mut body: Body, limit: usize) -> Result<String, Rejection> {
    let (mut text, mut size) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let text = format!("the request's body broke off: {error}");
            Rejection::new(code::BAD_JSON, text)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        size += data.len();
        if size <= limit {
            text.extend_from_slice(&data);
        } else if size > limit * SKIPPED {
            break;
        }
    }
    if size > limit {
        return Err(message::too_large(size, limit));
    }
    String::from_utf8(text).map_err(|_| {
        let text = "the request's body is not UTF-8, let alone JSON";
        Rejection::new(code::BAD_JSON, text)
    })
}

/// The message of a DELETE without a body: many clients send none with that method. Keys
/// for hooks are left out of it, but not `_limit` and its like: they would seem to bound
/// what is deleted, so they are to be refused.
fn from_query(args: &Args) -> String {
    let shapes = |key: &str| filter::RESERVED.contains(&key);
    let keys = args
        .iter()
        .filter(|(key, _)| !key.starts_with('_') || shapes(key));
    let message: Map<_, _> = keys
        .map(|(key, values)| {
            let value = match values.as_slice() {
                [one] => Value::from(one.as_str()),
                many => Value::from(many),
            };
            (key.clone(), value)
        })
        .collect();
    Value::Object(message).to_string()
}

/// Gives the message the id that its request has in a header. `nameless` is a sender to
/// whom the `connect` hooks have given no name.
fn name(decoded: &mut Decoded, headers: &HeaderMap, nameless: bool) -> Result<(), Rejection> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(());
    };
    // The header's specification wants quotes, most clients send none.
    let key = key.to_str().unwrap_or_default().trim().trim_matches('"');
    if key.is_empty() || key.len() > KEY_LIMIT {
        let text = format!("`Idempotency-Key` must be ASCII text of 1 to {KEY_LIMIT} bytes");
        return Err(Rejection::new(code::BAD_KEY, text));
    }
    if decoded.msg_id.as_ref().is_some_and(|id| id != key) {
        let text = "`Idempotency-Key` and the body's `_msg_id` differ; send one of them";
        return Err(Rejection::new(code::BAD_KEY, text));
    }
    decoded.msg_id = Some(key.to_owned());
    if nameless {
        // Without a user either, it would find its key in no other request.
        decoded.client.get_or_insert_with(|| key.to_owned());
    }
    Ok(())
}

/// What became of the message; it is judged anew as often as it comes back.
async fn settled(connection: &Arc<Connection>) -> Reply {
    loop {
        if let Some(reply) = connection.outbox.reply() {
            return reply;
        }
        tokio::select! {
            () = connection.outbox.woken() => {}
            () = connection.lane.returned() => {
                let again = message::judge_again(connection.clone());
                Work::new(&connection.endpoint, again).await;
            }
        }
    }
}

fn answer(connection: &Connection, reply: &Reply, created: bool) -> Response<Body> {
    if let Reply::Error { msg_id, rejection } = reply {
        return rejected(rejection, msg_id.as_deref());
    }
    let mut body = connection
        .endpoint
        .dialect
        .notice(reply.notice())
        .into_bytes();
    let mut sent = Vec::new();
    while let Some(bytes) = connection.outbox.take() {
        sent.extend_from_slice(&bytes);
    }
    if let Some(replies) = sent.get(1..) {
        // The notice is an object: one key more.
        body.pop();
        body.extend_from_slice(b",\"_replies\":[");
        body.extend_from_slice(replies);
        body.extend_from_slice(b"]}");
    }
    let mut response = Response::new(Body::from(body));
    if created {
        *response.status_mut() = StatusCode::CREATED;
    }
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_makes_a_message_of_all_its_keys_but_those_for_hooks() {
        let args = vec![
            ("id".to_owned(), vec!["x".to_owned()]),
            ("_client".to_owned(), vec!["me".to_owned()]),
            ("topic".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ];
        assert_eq!(from_query(&args), r#"{"id":"x","topic":["a","b"]}"#);
        let args = vec![("_limit".to_owned(), vec!["1".to_owned()])];
        assert_eq!(from_query(&args), r#"{"_limit":"1"}"#);
        assert_eq!(from_query(&Args::new()), "{}");
    }
}
