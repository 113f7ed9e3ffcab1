//! `/api/plugins`: what is loaded, and exchanging it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::plugin::{PluginInfo, RegistryError};
use crate::reload::{self, Origin, ReloadError};

pub async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let plugins: Vec<_> = app
        .plugins
        .list()
        .into_iter()
        .map(|info| shown(&app, info))
        .collect();
    Json(json!({ "plugins": plugins }))
}

pub async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let info = app.plugins.get(&name);
    let info = info.ok_or_else(|| no_such_plugin(&name))?;
    Ok(Json(shown(&app, info)))
}

pub fn no_such_plugin(name: &str) -> ApiError {
    let text = format!("there is no plugin `{name}`; GET /api/plugins lists them");
    ApiError::new(StatusCode::NOT_FOUND, "no_such_plugin", text)
}

pub async fn put(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    exchange(&app, &name, Origin::Upload(body.to_vec())).await
}

pub async fn reload(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    exchange(&app, &name, Origin::File).await
}

pub async fn delete(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let _one_at_a_time = app.changing.lock().await;
    app.plugins
        .delete(&name, || users(&app, &name))
        .await
        .map_err(ReloadError::from)?;
    Ok(Json(json!({ "deleted": name })))
}

async fn exchange(app: &Arc<App>, name: &str, origin: Origin) -> Result<Json<Value>, ApiError> {
    // In a task of its own: a client that hangs up must not stop a reload half-way.
    let (app, name) = (app.clone(), name.to_owned());
    let task = tokio::spawn(async move { reload::plugin(&app, &name, origin).await });
    let (generation, changes) = task.await.map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the reload failed: {error}"),
        )
    })??;
    let report = generation.report();
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|(step, micros)| json!({"step": step, "ms": *micros as f64 / 1_000.0}))
        .collect();
    Ok(Json(json!({
        "plugin": &**generation.name(),
        "version": &**generation.version(),
        "generation": generation.number(),
        "digest": &**generation.digest(),
        "cached": report.cached,
        "steps": steps,
        "changed": changes,
    })))
}

fn users(app: &App, name: &str) -> Vec<String> {
    let routes = app.routes();
    let users = routes.by_name.values().filter(|endpoint| {
        endpoint
            .settings()
            .plugins
            .iter()
            .any(|plugin| plugin == name)
    });
    users.map(|endpoint| endpoint.name.to_string()).collect()
}

/// What is known of a plugin, its current generation's fields at the top.
fn shown(app: &App, info: PluginInfo) -> Value {
    let endpoints = users(app, &info.name);
    let mut object = serde_json::Map::new();
    object.insert("name".into(), info.name.into());
    if let Some(Ok(Value::Object(current))) = info.current.map(serde_json::to_value) {
        object.extend(current);
    }
    object.insert("endpoints".into(), endpoints.into());
    object.insert("failure".into(), json!(info.failure));
    Value::Object(object)
}

impl From<ReloadError> for ApiError {
    fn from(error: ReloadError) -> Self {
        let (status, code) = match &error {
            ReloadError::Plugin(RegistryError::Unknown { .. }) => {
                (StatusCode::NOT_FOUND, "no_such_plugin")
            }
            ReloadError::Plugin(RegistryError::InUse { .. }) => (StatusCode::CONFLICT, "in_use"),
            ReloadError::Plugin(RegistryError::File { .. }) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "file_failed")
            }
            ReloadError::Plugin(RegistryError::Load(_)) | ReloadError::Load(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "load_failed")
            }
            ReloadError::Config(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_config"),
            ReloadError::Chain { .. } => (StatusCode::CONFLICT, "does_not_fit"),
            ReloadError::Endpoint(_) => (StatusCode::INTERNAL_SERVER_ERROR, "endpoint_failed"),
        };
        Self::new(status, code, error.to_string())
    }
}
