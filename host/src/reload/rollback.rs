//! Going back to an earlier generation, because an operator says so.

use std::sync::Arc;

use super::ReloadError;
use super::plugin::{Exchange, swap};
use crate::app::App;

/// What the history says of a generation that an operator has left.
const REASON: &str = "rolled back by an operator";

/// Puts an earlier generation in force, by the same steps as any load: `to` is its number
/// or the beginning of its digest; none is the one before the current. It was live
/// before, so it is not on probation.
pub async fn rollback(
    app: &Arc<App>,
    name: &str,
    to: Option<&str>,
) -> Result<Exchange, ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    let candidate = app.plugins.candidate_from_archive(name, to, REASON).await?;
    let exchange = swap(app, candidate).await?;
    count(name, "operator");
    tracing::warn!(
        plugin = name, version = %exchange.generation.version(),
        generation = exchange.generation.number(), "rolled back by an operator"
    );
    Ok(exchange)
}

/// Counts a rollback; `by` is `operator` or `probation`.
pub(super) fn count(plugin: &str, by: &'static str) {
    let plugin = plugin.to_owned();
    metrics::counter!("hookcast_plugin_rollbacks_total", "plugin" => plugin, "by" => by)
        .increment(1);
}
