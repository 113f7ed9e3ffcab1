//! `hookcast serve`: start everything, run, stop in order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin;
use crate::app::App;
use crate::close_code;
use crate::config::{Config, PluginsConfig};
use crate::maintenance;
use crate::plugin::{CompileCache, Engine, EngineSettings, Plugins};
use crate::reload::plugin_settings;
use crate::server;
use crate::telemetry;

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting: an address in use, a database that can't be opened, a
/// plugin that does not load.
pub async fn run(config: Config) -> Result<()> {
    let metrics = telemetry::start_metrics()?;
    raise_file_limit(config.server.max_connections);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    // Addresses first: a port in use must not cost the time of compiling plugins.
    let public = listen("server.listen", config.server.listen).await?;
    let operators = listen("admin.listen", config.admin.listen).await?;
    let plugins = Arc::new(load_plugins(&config).await?);
    let token = admin::token(&config);
    let app = Arc::new(App::open(config, plugins, metrics).await?);
    let (stop, stopped) = watch::channel(false);
    let maintenance = tokio::spawn(maintenance::run(app.clone(), stopped.clone()));
    let admin = tokio::spawn(admin::serve(app.clone(), operators, token, stopped.clone()));
    let accepting = tokio::spawn(server::serve(app.clone(), public, stopped));
    announce(&app.config());

    terminated().await?;
    tracing::info!("stopping");
    app.stopping.store(true, Ordering::Relaxed);
    stop.send_replace(true);
    let _ = tokio::join!(accepting, maintenance);
    say_goodbye(&app).await;
    app.close().await;
    admin.abort();
    tracing::info!("stopped");
    Ok(())
}

/// The database of a later `[storages.NAME]` opens likewise; plugins come first.
async fn load_plugins(config: &Config) -> Result<Plugins> {
    let engine = Engine::new(EngineSettings {
        instances: config.engine.instances,
        ..EngineSettings::default()
    })?;
    let cache = CompileCache::open(&config.engine.cache, &engine)?;
    let plugins = Plugins::new(engine, cache, &config.plugins.dir);
    for name in used(config) {
        let settings = plugin_settings(&config.plugins, &name);
        plugins.load(&name, settings).await?;
    }
    load_unused(&plugins, &config.plugins, config).await;
    Ok(plugins)
}

async fn listen(key: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {address}; stop what does, or change `{key}`"))
}
