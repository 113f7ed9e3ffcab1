//! HTTP errors of the public listener, as RFC 9457 problem details.

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::http::status;
use crate::rejection::Rejection;

/// Seconds after which to try again, where nobody knows better.
const RETRY: u64 = 5;

/// An answer that says what went wrong: `code` for programs, `detail` for people.
pub fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    extended(status, code, detail, Map::new())
}

/// The answer to a request whose message, or whose subscription, was refused. What its
/// sender would get in an `_error` frame is all in it.
pub fn rejected(rejection: &Rejection, msg_id: Option<&str>) -> Response<Body> {
    let mut more = Map::new();
    if let Some(details) = &rejection.details {
        more.insert("details".into(), details.clone());
    }
    if let Some(id) = msg_id {
        more.insert("_msg_id".into(), id.into());
    }
    let retry = more
        .get("details")
        .and_then(|details| details.get("retry_ms"));
    let retry = retry.and_then(Value::as_u64);
    let status = status::of(&rejection.code);
    let mut response = extended(status, &rejection.code, &rejection.message, more);
    if let Some(millis) = retry {
        let seconds = HeaderValue::from(millis.div_ceil(1_000).max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

fn extended(
    status: StatusCode,
    code: &str,
    detail: &str,
    more: Map<String, Value>,
) -> Response<Body> {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    if let Value::Object(body) = &mut body {
        body.extend(more);
    }
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, json);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY));
    }
    response
}
