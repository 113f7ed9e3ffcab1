//! `/api/endpoints`, and what `/metrics` says of lag.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::endpoint::Endpoint;

pub async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let endpoints: Vec<_> = app
        .routes()
        .by_name
        .values()
        .map(|endpoint| shown(endpoint))
        .collect();
    Json(json!({ "endpoints": endpoints }))
}

fn shown(endpoint: &Endpoint) -> Value {
    let settings = endpoint.settings();
    let (lagging, furthest) = lag(endpoint);
    json!({
        "name": &*endpoint.name,
        "path": settings.path,
        "dialect": "gramex",
        "table": endpoint.table.as_ref().map(|table| &table.name),
        "durability": format!("{:?}", settings.durability).to_lowercase(),
        "plugins": settings.plugins,
        "connections": endpoint.connections.read().len(),
        "head": endpoint.log.ring.head(),
        "position": endpoint.log.position(endpoint.log.ring.head()).to_string(),
        "lagging_connections": lagging,
        "lag_events": furthest,
        "waiting": endpoint.waiting.len(),
        "waiting_since": waiting_since(endpoint),
        "background": endpoint.is_in_background(),
    })
}

/// When the message was received that waits for longest, in microseconds since 1970-01-01
/// UTC; none when none waits.
fn waiting_since(endpoint: &Endpoint) -> Option<u64> {
    endpoint.waiting.oldest(|frame| frame.received_at)
}

/// Connections that read the log, and how many events the furthest is behind.
fn lag(endpoint: &Endpoint) -> (usize, u64) {
    let connections = endpoint.connections.read();
    let lags = connections
        .values()
        .map(|connection| connection.lag())
        .filter(|lag| *lag > 0);
    lags.fold((0, 0), |(count, furthest), lag| {
        (count + 1, furthest.max(lag))
    })
}

/// Brings the gauges of lag up to date.
pub fn measure_lag(app: &App) {
    for endpoint in app.routes().by_name.values() {
        let (lagging, furthest) = lag(endpoint);
        let name = endpoint.name.clone();
        metrics::gauge!("hookcast_lagging_connections", "endpoint" => name.clone())
            .set(lagging as f64);
        metrics::gauge!("hookcast_lag_events", "endpoint" => name.clone()).set(furthest as f64);
        metrics::gauge!("hookcast_waiting_messages", "endpoint" => name.clone())
            .set(endpoint.waiting.len() as f64);
        metrics::gauge!("hookcast_in_background", "endpoint" => name)
            .set(f64::from(u8::from(endpoint.is_in_background())));
    }
}
