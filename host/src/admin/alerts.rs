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
use crate::storage::Entry;

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
    let (mut entries, mut waiting) = (Vec::new(), 0);
    for storage in app.storages.iter() {
        let listed = storage.alerts.list(wanted.dead, MOST).await;
        entries.extend(listed.map_err(unreadable)?);
        waiting += storage.outbox.waiting();
    }
    // Each gives its oldest; stable, so that one alone stays as it is.
    entries.sort_by_key(|entry| entry.created);
    let oldest = entries.iter().take(MOST as usize);
    let alerts: Vec<_> = oldest.map(shown).collect();
    Ok(Json(json!({ "waiting": waiting, "alerts": alerts })))
}

pub async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    for storage in app.storages.iter() {
        let again = storage.alerts.retry(&id, now_micros()).await;
        if again.map_err(unreadable)? {
            storage.outbox.wake();
            return Ok(Json(json!({ "retried": id })));
        }
    }
    Err(not_there(&id))
}

pub async fn drop(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    for storage in app.storages.iter() {
        let gone = storage.alerts.remove(&id, now_micros()).await;
        if gone.map_err(unreadable)? {
            tracing::info!(id, "an alert was dropped by the operator");
            return Ok(Json(json!({ "dropped": id })));
        }
    }
    Err(not_there(&id))
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
