//! What pages of other origins may do (CORS). Who is not in `origins` under `[server]` is
//! refused already, as for a WebSocket.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    VARY,
};
use http::{HeaderValue, Response};

/// Headers that a page may send.
const SENT: &str = "authorization, content-type, idempotency-key, last-event-id";

/// Seconds that a browser need not ask again: a reload of the config is to be heeded soon.
const MAX_AGE: &str = "600";

/// Lets a page of this origin, which must be trusted, read the response; and, where that
/// is one to a preflight, send its request.
pub fn allow(response: &mut Response<Body>, origin: HeaderValue) {
    let preflight = response.headers().get(ALLOW).cloned();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(VARY, HeaderValue::from_static("origin"));
    let yes = HeaderValue::from_static("true");
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    let readable = HeaderValue::from_static("retry-after");
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    if let Some(methods) = preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
}
