//! The admin listener: what operators see and change, by HTTP and JSON.
//!
//! Everything under `/api` and `/metrics` needs the bearer token; `/healthz` and
//! `/readyz` do not, because probes have none.

mod alerts;
mod connections;
mod endpoints;
mod error;
mod exchange;
mod plugin_calls;
mod plugin_logs;
mod plugin_try;
mod plugins;
mod token;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::reload;

pub use error::ApiError;

/// Largest plugin that can be uploaded; each plugin's own `limits.component` is less.
const UPLOAD_LIMIT: usize = 64 << 20;

/// Serves operators until the server stops.
pub async fn serve(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let router = router(app);
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "the admin listener failed");
    }
}

fn router(app: Arc<App>) -> Router {
    let guarded = Router::new()
        .route("/api/plugins", get(plugins::list))
        .route(
            "/api/plugins/{name}",
            get(plugins::show)
                .put(exchange::put)
                .delete(plugins::delete),
        )
        .route("/api/plugins/{name}/reload", post(exchange::reload))
        .route("/api/plugins/{name}/rollback", post(exchange::rollback))
        .route("/api/plugins/{name}/quarantine", post(exchange::quarantine))
        .route("/api/plugins/{name}/resume", post(exchange::resume))
        .route("/api/plugins/{name}/logs", get(plugin_logs::show))
        .route("/api/plugins/{name}/failures", get(plugin_calls::failures))
        .route(
            "/api/plugins/{name}/failures/{id}",
            get(plugin_calls::failure),
        )
        .route("/api/plugins/{name}/record", post(plugin_calls::record))
        .route(
            "/api/plugins/{name}/recordings",
            get(plugin_calls::recordings),
        )
        .route(
            "/api/plugins/{name}/recordings/{id}",
            get(plugin_calls::recording),
        )
        .route("/api/plugins/{name}/try", post(plugin_try::run))
        .route("/api/reload", post(reload_config))
        .route("/api/endpoints", get(endpoints::list))
        .route("/api/alerts", get(alerts::list))
        .route("/api/alerts/{id}", delete(alerts::drop))
        .route("/api/alerts/{id}/retry", post(alerts::retry))
        .route("/api/connections", get(connections::list))
        .route(
            "/api/connections/{id}",
            get(connections::show).delete(connections::disconnect),
        )
        .route("/metrics", get(metrics))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(DefaultBodyLimit::max(UPLOAD_LIMIT))
        .layer(middleware::from_fn_with_state(app.clone(), token::check));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .merge(guarded)
        .with_state(app)
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match app.database.readers.acquire().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        ),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> String {
    endpoints::measure_lag(&app);
    app.metrics.render() + &app.plugins.metrics()
}

async fn reload_config(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let outcome = reload::config(&app).await?;
    Ok(Json(json!({
        "applied": outcome.restart_needed.is_empty(),
        "restart_needed": outcome.restart_needed,
        "endpoints": outcome.endpoints,
    })))
}
