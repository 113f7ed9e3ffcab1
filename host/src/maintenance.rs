//! What happens at intervals: retention, forgetting message ids, expired keys and clients
//! that have not used their rates, dropping instances of plugins that nobody calls, adding up
//! what was measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::app::App;
use crate::clock::now_micros;
use crate::endpoint::Endpoint;
use crate::storage::Retention;

/// Between two rounds. A log may exceed its limits for this long.
const INTERVAL: Duration = Duration::from_secs(60);

/// Between two rounds of what takes next to no time. Idle instances may outlive
/// `limits.idle` for this long.
const SHORT_INTERVAL: Duration = Duration::from_secs(1);

/// Does it all at once and then at intervals, until the server stops.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    tokio::join!(cut_logs(&app, stop.clone()), tidy(&app, stop));
}

async fn tidy(app: &App, mut stop: watch::Receiver<bool>) {
    let mut interval = interval(SHORT_INTERVAL);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        app.plugins.trim(Instant::now());
        // Histograms keep every sample until they are added up, which a server whose
        // `/metrics` nobody asks for would never do.
        app.metrics.run_upkeep();
    }
}

async fn cut_logs(app: &App, mut stop: watch::Receiver<bool>) {
    let mut interval = interval(INTERVAL);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        for endpoint in app.routes().by_name.values() {
            cut(endpoint).await;
            endpoint.rates.load().shed();
        }
        for storage in app.storages.iter() {
            let (name, database) = (&storage.name, &storage.database);
            if let Err(error) = database.forget_message_ids(now_micros()).await {
                tracing::warn!(storage = %name, %error, "old message ids were not deleted");
            }
            if let Err(error) = database.forget_expired(now_micros()).await {
                tracing::warn!(storage = %name, %error, "keys that have expired were not deleted");
            }
        }
    }
}

fn interval(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

async fn cut(endpoint: &Endpoint) {
    let Some(storage) = &endpoint.storage else {
        return;
    };
    let configured = endpoint.settings().retention.clone();
    let retention = Retention {
        age: configured.age,
        count: configured.count,
        size: configured.size,
    };
    let cut = storage
        .database
        .cut(endpoint.log.id, retention, now_micros());
    match cut.await {
        Ok(0) => {}
        Ok(entries) => {
            tracing::info!(endpoint = %endpoint.name, entries, "retention has cut the log");
            let name = endpoint.name.clone();
            metrics::counter!("hookcast_log_cut_total", "endpoint" => name).increment(entries);
        }
        Err(error) => tracing::warn!(endpoint = %endpoint.name, %error, "the log was not cut"),
    }
}
