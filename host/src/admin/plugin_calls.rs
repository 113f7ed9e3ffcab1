//! Calls of a plugin that were kept as fixtures: those that failed, and those that
//! somebody asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::plugins::no_such_plugin;
use crate::app::App;
use crate::plugin::{RECORDINGS, Shelf, Watch};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The next calls that are kept; 0 ends an earlier request.
    calls: usize,
    /// Those of one endpoint only.
    endpoint: Option<String>,
}

pub async fn failures(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let shelf = watch(&app, &name)?.failures.clone();
    Ok(Json(json!({ "failures": list(shelf).await? })))
}

pub async fn failure(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    get(watch(&app, &name)?.failures.clone(), id).await
}

pub async fn recordings(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let watch = watch(&app, &name)?;
    let kept = list(watch.recordings.clone()).await?;
    Ok(Json(json!({ "recordings": kept, "left": watch.left() })))
}

pub async fn recording(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    get(watch(&app, &name)?.recordings.clone(), id).await
}

pub async fn record(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, ApiError> {
    let watch = watch(&app, &name)?;
    if wanted.calls > RECORDINGS {
        let text = format!("`calls` may be 0 to {RECORDINGS}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_query", text));
    }
    if let Some(endpoint) = &wanted.endpoint
        && !app.routes().by_name.contains_key(endpoint)
    {
        let text = format!("there is no endpoint `{endpoint}`; GET /api/endpoints lists them");
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "no_such_endpoint",
            text,
        ));
    }
    watch.record(wanted.calls, wanted.endpoint);
    Ok(Json(json!({ "left": watch.left() })))
}

fn watch(app: &App, name: &str) -> Result<Arc<Watch>, ApiError> {
    app.plugins.watch(name).ok_or_else(|| no_such_plugin(name))
}

async fn list(shelf: Shelf) -> Result<Vec<Value>, ApiError> {
    blocking(move || shelf.list()).await
}

async fn get(shelf: Shelf, id: String) -> Result<Json<Value>, ApiError> {
    let shown = id.clone();
    let found = blocking(move || shelf.get(&id)).await?;
    let missing = || {
        let text = format!("no call `{shown}` is kept; the list has those that are");
        ApiError::new(StatusCode::NOT_FOUND, "no_such_call", text)
    };
    found.map(Json).ok_or_else(missing)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| {
            let text = format!("the kept calls can't be read: {error}");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "file_failed", text)
        })
}
