//! Who may use the admin API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ApiError;
use crate::app::App;

/// Lets a request pass that carries the token.
pub async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let secret = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if secret.is_some_and(|(_, secret)| app.bearer.is(secret.trim())) {
        return next.run(request).await;
    }
    let text =
        "send `Authorization: Bearer TOKEN`; the token is in `[admin]` or was printed at start";
    let mut response =
        ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text).into_response();
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
