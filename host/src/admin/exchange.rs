//! Exchanging a plugin: upload, reload, rollback, quarantine. The answer says what each
//! step took and what has changed.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;
use crate::plugin::RegistryError;
use crate::reload::{self, Exchange, Origin, ReloadError};

/// `?dry_run=true`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    #[serde(default)]
    dry_run: bool,
}

/// `?to=`, a generation's number or the beginning of its digest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    to: Option<String>,
}

/// `?reason=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    reason: Option<String>,
}

pub async fn put(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    query: Result<Query<Put>, QueryRejection>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let Query(query) = query?;
    let bytes = body.to_vec();
    to_the_end(async move {
        match query.dry_run {
            true => reload::try_out(&app, &name, bytes).await.map(report),
            false => {
                let done = reload::plugin(&app, &name, Origin::Upload(bytes)).await;
                done.map(report)
            }
        }
    })
    .await
}

pub async fn reload(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    to_the_end(async move { reload::plugin(&app, &name, Origin::File).await.map(report) }).await
}

pub async fn rollback(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    query: Result<Query<Rollback>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(query) = query?;
    to_the_end(async move {
        let done = reload::rollback(&app, &name, query.to.as_deref()).await;
        done.map(report)
    })
    .await
}

pub async fn quarantine(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    query: Result<Query<Quarantine>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(query) = query?;
    let reason = query.reason.unwrap_or_else(|| "by an operator".to_owned());
    to_the_end(async move {
        reload::quarantine(&app, &name, &reason).await?;
        Ok(json!({"quarantined": name, "reason": reason}))
    })
    .await
}

pub async fn resume(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    to_the_end(async move {
        reload::resume(&app, &name).await?;
        Ok(json!({"resumed": name}))
    })
    .await
}

/// In a task of its own: a client that hangs up must not stop a reload half-way.
async fn to_the_end(
    work: impl Future<Output = Result<Value, ReloadError>> + Send + 'static,
) -> Result<Json<Value>, ApiError> {
    let done = tokio::spawn(work).await.map_err(|error| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the reload failed: {error}"),
        )
    })??;
    Ok(Json(done))
}

fn report(exchange: Exchange) -> Value {
    let generation = exchange.generation;
    let steps = exchange.steps.iter();
    let steps: Vec<_> = steps
        .map(|(step, micros)| json!({"step": step, "ms": *micros as f64 / 1_000.0}))
        .collect();
    json!({
        "plugin": &**generation.name(),
        "version": &**generation.version(),
        "generation": generation.number(),
        "digest": &**generation.digest(),
        "dry_run": exchange.dry_run,
        "probation": exchange.probation,
        "cached": generation.report().cached,
        "steps": steps,
        "changed": exchange.changes,
    })
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "bad_query", rejection.body_text())
    }
}

impl From<ReloadError> for ApiError {
    fn from(error: ReloadError) -> Self {
        let (status, code) = match &error {
            ReloadError::Plugin(RegistryError::Unknown { .. }) => {
                (StatusCode::NOT_FOUND, "no_such_plugin")
            }
            ReloadError::Plugin(RegistryError::InUse { .. }) => (StatusCode::CONFLICT, "in_use"),
            ReloadError::Plugin(RegistryError::File { .. } | RegistryError::NotKept { .. }) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "file_failed")
            }
            ReloadError::Plugin(
                RegistryError::NothingBefore { .. } | RegistryError::NeverLoaded { .. },
            ) => (StatusCode::CONFLICT, "nothing_there"),
            ReloadError::Plugin(RegistryError::AlreadyLive { .. }) => {
                (StatusCode::CONFLICT, "already_live")
            }
            ReloadError::Plugin(RegistryError::NoSuchGeneration { .. }) => {
                (StatusCode::NOT_FOUND, "no_such_generation")
            }
            ReloadError::Plugin(RegistryError::Load(_)) | ReloadError::Load(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "load_failed")
            }
            ReloadError::Config(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_config"),
            ReloadError::Chain { .. } => (StatusCode::CONFLICT, "does_not_fit"),
            ReloadError::Endpoint(_) => (StatusCode::INTERNAL_SERVER_ERROR, "endpoint_failed"),
        };
        let answer = Self::new(status, code, error.to_string());
        match &error {
            ReloadError::Plugin(RegistryError::Load(load)) | ReloadError::Load(load) => answer
                .with("step", json!(load.step))
                .with("missing_grants", json!(load.missing_grants)),
            _ => answer,
        }
    }
}
