//! `/api/plugins`: what is loaded.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::plugin::PluginInfo;
use crate::reload::ReloadError;

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
    object.insert("older".into(), json!(info.older));
    object.insert("endpoints".into(), endpoints.into());
    object.insert("failure".into(), json!(info.failure));
    object.insert("probation".into(), json!(info.probation));
    object.insert("quarantine".into(), json!(info.quarantine));
    object.insert("rolled_back".into(), json!(info.rolled_back));
    object.insert("history".into(), json!(info.history));
    Value::Object(object)
}
