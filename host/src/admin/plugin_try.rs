//! `POST /api/plugins/NAME/try`: what a candidate would do.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::ApiError;
use crate::app::App;
use crate::compare::{self, CompareError, MOST, Over};
use crate::reload::ReloadError;

/// Messages that are compared unless the request says.
const LAST: u64 = 100;

/// Seconds that a comparison may take: unless the request says, and at most.
const WAIT: u64 = 60;
const LONGEST_WAIT: u64 = 600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    last: Option<u64>,
    live: Option<u64>,
    wait: Option<u64>,
    endpoint: Option<String>,
}

pub async fn run(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let bad = |text: String| ApiError::new(StatusCode::BAD_REQUEST, "bad_query", text);
    let over = match (asked.last, asked.live) {
        (Some(_), Some(_)) => {
            let text = "give `last`, for logged messages, or `live`, for live traffic, not both";
            return Err(bad(text.into()));
        }
        (None, Some(calls)) => Over::Live(calls),
        (last, None) => Over::Last(last.unwrap_or(LAST)),
    };
    let (Over::Last(count) | Over::Live(count)) = over;
    if !(1..=MOST).contains(&count) {
        return Err(bad(format!("`last` and `live` may be 1 to {MOST}")));
    }
    let wait = asked.wait.unwrap_or(WAIT);
    if !(1..=LONGEST_WAIT).contains(&wait) {
        return Err(bad(format!("`wait` may be 1 to {LONGEST_WAIT} seconds")));
    }
    let candidate = (!body.is_empty()).then(|| body.to_vec());
    let endpoint = asked.endpoint.as_deref();
    let wait = Duration::from_secs(wait);
    // Dropped with the request: who hangs up ends the comparison.
    let comparison = compare::run(&app, &name, candidate, over, endpoint, wait);
    Ok(Json(Box::pin(comparison).await?))
}

impl From<CompareError> for ApiError {
    fn from(error: CompareError) -> Self {
        let (status, code) = match error {
            CompareError::Plugin(error) => return ReloadError::from(error).into(),
            CompareError::NoCurrent(_) => (StatusCode::CONFLICT, "not_serving"),
            CompareError::Quarantined(_) => (StatusCode::CONFLICT, "quarantined"),
            CompareError::Endpoint(_) => (StatusCode::BAD_REQUEST, "which_endpoint"),
            CompareError::Running(_) => (StatusCode::CONFLICT, "comparison_running"),
            CompareError::Log(_) => (StatusCode::INTERNAL_SERVER_ERROR, "log_failed"),
        };
        Self::new(status, code, error.to_string())
    }
}
