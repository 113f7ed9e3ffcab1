//! Errors of the admin API: `{"error": {"code", "message"}}` with an HTTP status.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// What an operator is told.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// Stable word for programs.
    pub code: &'static str,
    pub message: String,
    /// What programs may want to know besides.
    pub details: Map<String, Value>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Map::new(),
        }
    }

    /// The same with one more field, unless that is empty.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        if value.as_array().is_none_or(|items| !items.is_empty()) {
            self.details.insert(key.to_owned(), value);
        }
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        error.insert("code".into(), self.code.into());
        error.insert("message".into(), self.message.into());
        error.extend(self.details);
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

pub async fn no_such_path(uri: Uri) -> ApiError {
    let text = format!(
        "`{}` is no path of the admin API; docs/admin.md lists them",
        uri.path()
    );
    ApiError::new(StatusCode::NOT_FOUND, "no_such_path", text)
}

pub async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    let text = format!(
        "`{}` does not take {method}; docs/admin.md lists what it takes",
        uri.path()
    );
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", text)
}
