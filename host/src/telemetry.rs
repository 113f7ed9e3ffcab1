//! Logs and metrics.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says otherwise. `wasmtime_wasi_http` warns of each
/// request that a guest gets wrong, as often as the guest likes; what operators need to
/// know of requests is in the plugin's log.
const USUAL: &str = "info,wasmtime_wasi_http=error";

/// Sends logs to standard error: what `RUST_LOG` asks for, otherwise [`USUAL`].
pub fn start_logging() -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging can't be started: {error}"))
}

/// Starts counting; the handle renders what `/metrics` shows, but for the figures of
/// plugins, which `Plugins::metrics` renders.
pub fn start_metrics() -> Result<PrometheusHandle> {
    // Powers of two from 1 µs to 8 s.
    let seconds: Vec<f64> = (0..24)
        .map(|power| f64::from(1_u32 << power) / 1_000_000.0)
        .collect();
    let counts: Vec<f64> = (0..15).map(|power| f64::from(1_u32 << power)).collect();
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds)?
        .set_buckets(&counts)?
        .install_recorder()
        .context("metrics can't be started")?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_gauge!(
        "hookcast_connections",
        "Open WebSocket connections, by endpoint"
    );
    describe_counter!(
        "hookcast_deliveries_total",
        "Events written to live subscribers"
    );
    describe_counter!(
        "hookcast_rejections_total",
        "Messages refused before the write, by code"
    );
    describe_counter!(
        "hookcast_slow_consumers_total",
        "Subscribers that fell behind and became cursors"
    );
    describe_counter!(
        "hookcast_private_overflows_total",
        "Connections cut because answers piled up"
    );
    describe_counter!(
        "hookcast_resets_total",
        "Subscribers that could not continue where they were"
    );
    describe_counter!(
        "hookcast_conflicts_total",
        "Messages judged anew because their basis had changed"
    );
    describe_counter!(
        "hookcast_groups_failed_total",
        "Commit groups that could not be written"
    );
    describe_counter!(
        "hookcast_rate_limited_total",
        "Messages and handshakes over a limit of `rate`, by endpoint and limit"
    );
    describe_counter!(
        "hookcast_connections_refused_total",
        "Connections beyond `max_connections`"
    );
    describe_counter!(
        "hookcast_log_cut_total",
        "Log entries deleted by retention, by endpoint"
    );
    describe_gauge!(
        "hookcast_lag_events",
        "Events the furthest subscriber is behind, by endpoint"
    );
    describe_gauge!(
        "hookcast_waiting_messages",
        "Messages that wait for a plugin that is away, by endpoint"
    );
    describe_gauge!(
        "hookcast_in_background",
        "1 while an endpoint takes so much of the processors that others come first"
    );
    describe_counter!(
        "hookcast_waiting_dropped_total",
        "Messages that found no room among them, by endpoint"
    );
    describe_gauge!(
        "hookcast_lagging_connections",
        "Subscribers reading the log, by endpoint"
    );
    describe_alerts();
    describe_histogram!(
        "hookcast_commit_seconds",
        Unit::Seconds,
        "Writing one group, sync included"
    );
    describe_histogram!("hookcast_commit_messages", "Messages in one group");
    describe_histogram!("hookcast_fanout_events", "Events written out together");
}

fn describe_alerts() {
    describe_gauge!("hookcast_alerts_waiting", "Alerts that wait to be sent");
    describe_counter!(
        "hookcast_alerts_posted_total",
        "Alerts written with their messages, by endpoint"
    );
    describe_counter!(
        "hookcast_alerts_left_out_total",
        "Alerts that were not, because a condition failed or the outbox is full, by reason"
    );
    describe_counter!(
        "hookcast_alerts_sent_total",
        "Alerts that are where they should go, by endpoint and channel"
    );
    describe_counter!(
        "hookcast_alerts_for_nobody_total",
        "Alerts whose templates name no recipient"
    );
    describe_counter!(
        "hookcast_alerts_failed_total",
        "Tries to send that failed, by endpoint, channel and kind"
    );
    describe_counter!(
        "hookcast_alerts_dead_total",
        "Alerts that became dead letters, by endpoint"
    );
    describe_histogram!(
        "hookcast_alert_seconds",
        Unit::Seconds,
        "Rendering and sending one mail or webhook call"
    );
}
