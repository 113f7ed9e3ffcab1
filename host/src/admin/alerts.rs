//! `/api/alerts`: what waits to be sent, and what could not be.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::clock::now_micros;
use crate::storage::sqlite::outbox::Entry;

/// Most alerts of one answer.
const MOST: u32 = 1_000;

/// What of the outbox is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    dead: Option<bool>,
}

pub async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, ApiError> {
    let entries = app
        .alerts
        .list(wanted.dead, MOST)
        .await
        .map_err(unreadable)?;
    let alerts: Vec<_> = entries.iter().map(shown).collect();
    Ok(Json(
        json!({ "waiting": app.outbox.waiting(), "alerts": alerts }),
    ))
}

pub async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let again = app.alerts.retry(&id, now_micros()).await;
    if !again.map_err(unreadable)? {
        return Err(not_there(&id));
    }
    app.outbox.wake();
    Ok(Json(json!({ "retried": id })))
}

pub async fn drop(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let gone = app.alerts.remove(&id, now_micros()).await;
    if !gone.map_err(unreadable)? {
        return Err(not_there(&id));
    }
    tracing::info!(id, "an alert was dropped by the operator");
    Ok(Json(json!({ "dropped": id })))
}

fn shown(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "endpoint": entry.endpoint,
        "alert": entry.alert,
        "channel": entry.channel,
        "service": entry.service,
        "recipient": entry.recipient,
        "dead": entry.dead,
        "attempts": entry.attempts,
        "error": entry.error,
        "created": entry.created,
        "due": entry.due,
    })
}

fn not_there(id: &str) -> ApiError {
    let text = format!(
        "there is no alert `{id}`, or it is on its way just now; GET /api/alerts lists them"
    );
    ApiError::new(StatusCode::NOT_FOUND, "no_such_alert", text)
}

fn unreadable(error: sqlx::Error) -> ApiError {
    let text = format!("the outbox can't be read or written: {error}");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
}
