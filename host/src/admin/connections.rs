//! `/api/connections`: who is there, and ending one.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::close_code;
use crate::connection::Connection;
use crate::id::ConnectionId;

pub async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let mut connections = Vec::new();
    for endpoint in app.routes().by_name.values() {
        let open = endpoint.connections.read();
        connections.extend(open.values().map(|connection| shown(connection)));
    }
    Json(json!({ "connections": connections }))
}

pub async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(shown(&*find(&app, &id)?)))
}

pub async fn disconnect(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let connection = find(&app, &id)?;
    let code = close_code::FORBIDDEN.code;
    connection.outbox.close(code, "closed by the operator");
    Ok(Json(json!({ "closed": id })))
}

fn find(app: &App, id: &str) -> Result<Arc<Connection>, ApiError> {
    let found = ConnectionId::parse(id).and_then(|id| {
        let routes = app.routes();
        let mut endpoints = routes.by_name.values();
        endpoints.find_map(|endpoint| endpoint.connections.read().get(&id).cloned())
    });
    found.ok_or_else(|| {
        let text = format!("there is no connection `{id}`; GET /api/connections lists them");
        ApiError::new(StatusCode::NOT_FOUND, "no_such_connection", text)
    })
}

fn shown(connection: &Connection) -> Value {
    let since = connection
        .since
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    json!({
        "id": connection.id.to_string(),
        "endpoint": &*connection.endpoint.name,
        "user": connection.user_id().map(|user| &**user),
        "address": connection.client.address.to_string(),
        "since": since.as_secs(),
        "args": &*connection.client.args.read(),
        "groups": connection.endpoint.groups.of(connection.id),
        "lag": connection.lag(),
        "in_flight": connection.lane.in_flight(),
    })
}
