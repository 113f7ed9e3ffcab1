//! `GET /api/plugins/NAME/logs`: what a plugin said, and what the host had to say about it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use super::plugins::no_such_plugin;
use crate::app::App;

/// The longest a request may wait for a line, in seconds.
const LONGEST_WAIT: u64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Lines after this number.
    #[serde(default)]
    after: u64,
    /// Seconds to wait for one if there is none yet.
    #[serde(default)]
    wait: u64,
}

pub async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let book = app.plugins.log(&name);
    let book = book.ok_or_else(|| no_such_plugin(&name))?;
    let patience = Duration::from_secs(asked.wait.min(LONGEST_WAIT));
    // Without a line in time the answer is that there is none.
    let _ = tokio::time::timeout(patience, book.wait(asked.after)).await;
    Ok(Json(json!({ "lines": book.after(asked.after) })))
}
