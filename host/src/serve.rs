//! `hookcast serve`: start everything, run, stop in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin;
use crate::alert;
use crate::app::App;
use crate::bearer::Bearer;
use crate::close_code;
use crate::config::Config;
use crate::maintenance;
use crate::plugin::{Archive, CompileCache, Compiler, Engine, EngineSettings, Plugins, Recorder};
use crate::plugin_config;
use crate::reload;
use crate::server;
use crate::storage::Database;
use crate::telemetry;
use crate::tls::Roots;

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting: an address in use, a database that can't be opened, a
/// plugin in use that does not load.
pub async fn run(config: Config) -> Result<()> {
    telemetry::start_logging()?;
    let metrics = telemetry::start_metrics()?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    raise_file_limit(config.server.max_connections);
    // From here on SIGTERM means an orderly end, also right after `/readyz` has answered.
    let terminate = signal(SignalKind::terminate())?;
    // Addresses first: a port in use must not cost the time of compiling plugins.
    let public = listen("server.listen", config.server.listen).await?;
    let operators = listen("admin.listen", config.admin.listen).await?;
    let bearer = Bearer::from_config(&config.admin);
    let plugins = load_plugins(&config).await?;
    let app = Arc::new(App::open(config, plugins, metrics, bearer).await?);

    let (stop, stopped) = watch::channel(false);
    let maintenance = tokio::spawn(maintenance::run(app.clone(), stopped.clone()));
    let alerts: Vec<_> = app
        .storages
        .iter()
        .map(|storage| alert::worker::run(app.clone(), storage.clone(), stopped.clone()))
        .map(tokio::spawn)
        .collect();
    let admin = tokio::spawn(admin::serve(app.clone(), operators, stopped.clone()));
    let accepting = tokio::spawn(server::serve(app.clone(), public, stopped));
    // Held while the server runs.
    let _watching = reload::watch::start(&app)?;
    announce(&app.config());

    terminated(terminate).await?;
    tracing::info!("stopping");
    app.stopping.store(true, Ordering::Relaxed);
    stop.send_replace(true);
    let _ = tokio::join!(accepting, maintenance);
    say_goodbye(&app).await;
    for alerts in alerts {
        let _ = alerts.await;
    }
    app.close().await;
    admin.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Loads every plugin of the folder; those that endpoints use must load.
async fn load_plugins(config: &Config) -> Result<Arc<Plugins>> {
    let engine = EngineSettings {
        instances: config.engine.instances,
        stack: config.engine.stack,
        fuel: false,
    };
    let compiler = Compiler::in_a_child().context("can't find this server's own executable")?;
    let mut engine = Engine::new(engine, compiler)?;
    if let Some(file) = &config.engine.http_roots {
        let roots = Roots::read(file).map_err(|problem| {
            anyhow::anyhow!("`engine.http_roots`: {} {problem}", file.display())
        })?;
        engine = engine.trusting(roots);
    }
    let cache = CompileCache::open(&config.engine.cache).with_context(|| {
        format!(
            "can't open the folder of compiled code, {}",
            config.engine.cache.display()
        )
    })?;
    let settings = plugin_config::all(config);
    let beside = Database::folder(&config.storage.url).unwrap_or(Path::new("data"));
    let recorder = Recorder::start(beside, config.plugins.failures)
        .context("can't start the thread that keeps failed calls")?;
    let archive = Archive::open(&config.plugins.archive, config.plugins.keep);
    let plugins = Plugins::new(engine, &config.plugins.dir, Some(cache), settings);
    let plugins = plugins.with_archive(archive).recorded(recorder);
    let used = plugin_config::used(config);
    if used.is_empty() && !config.plugins.dir.exists() {
        return Ok(Arc::new(plugins));
    }
    let mut failed = BTreeMap::new();
    for result in plugins.load_folder().await? {
        match result {
            Err(error) if used.contains(&error.plugin) => {
                failed.insert(error.plugin.clone(), error.to_string());
            }
            Err(error) => tracing::error!("{error} (no endpoint uses it)"),
            Ok(_) => {}
        }
    }
    let fatal = replace_missing(&plugins, &used, failed).await;
    if !fatal.is_empty() {
        bail!("{}", fatal.join("\n"));
    }
    Ok(Arc::new(plugins))
}

/// Has the generations that were live before stand in for plugins that are used and not
/// there. What is wrong with those that have none.
async fn replace_missing(
    plugins: &Plugins,
    used: &[String],
    mut failed: BTreeMap<String, String>,
) -> Vec<String> {
    let mut fatal = Vec::new();
    for name in used {
        let loaded = plugins
            .handle(name)
            .is_some_and(|one| one.current().is_some());
        if loaded {
            continue;
        }
        let missing = || format!("the file of plugin `{name}` is missing");
        let why = failed.remove(name).unwrap_or_else(missing);
        if !plugins.stand_in(name, &why).await {
            fatal.push(why);
        }
    }
    fatal
}

async fn listen(key: &str, address: std::net::SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("can't listen on {address}; stop what does, or change `{key}`"))
}

fn announce(config: &Config) {
    let address = config.server.listen;
    for (name, endpoint) in &config.endpoints {
        tracing::info!("endpoint `{name}`: ws://{address}{}", endpoint.path);
    }
    if config.server.page {
        tracing::info!("page to try it: http://{address}/");
    }
    tracing::info!("admin API: http://{}/", config.admin.listen);
}

/// Waits for SIGTERM or Ctrl-C.
async fn terminated(mut terminate: Signal) -> Result<()> {
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        result = tokio::signal::ctrl_c() => Ok(result?),
    }
}

/// Closes every connection behind what is queued for it, and waits for them to end.
async fn say_goodbye(app: &App) {
    let config = app.config();
    for endpoint in app.routes().by_name.values() {
        for connection in endpoint.connections.read().values() {
            connection
                .outbox
                .close(close_code::GOING_AWAY.code, close_code::GOING_AWAY.reason);
        }
    }
    let all = u32::try_from(config.server.max_connections).unwrap_or(u32::MAX);
    let gone = app.slots.acquire_many(all);
    if tokio::time::timeout(config.server.shutdown_grace, gone)
        .await
        .is_err()
    {
        let left: usize = app
            .routes()
            .by_name
            .values()
            .map(|endpoint| endpoint.connections.read().len())
            .sum();
        tracing::warn!(
            left,
            "not all clients took what was queued for them in time"
        );
    }
}

/// Each connection is a file descriptor; the usual soft limit is 1,024.
fn raise_file_limit(connections: usize) {
    let wanted = connections as u64 + 256;
    match rustix::process::getrlimit(rustix::process::Resource::Nofile) {
        limit if limit.current.is_some_and(|current| current < wanted) => {
            let target = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
            let raised = rustix::process::Rlimit {
                current: Some(target),
                maximum: limit.maximum,
            };
            let result = rustix::process::setrlimit(rustix::process::Resource::Nofile, raised);
            if result.is_err() || target < wanted {
                tracing::warn!(
                    "only {target} file descriptors allowed, and `max_connections` is {connections}: \
                     raise the limit (`ulimit -n {wanted}`)"
                );
            }
        }
        _ => {}
    }
}
