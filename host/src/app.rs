//! The running server: its config, its endpoints, its plugins, its databases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};

use crate::alert::Throttle;
use crate::auth::{Auth, Sources};
use crate::background::Background;
use crate::bearer::Bearer;
use crate::clock::now_micros;
use crate::config::{Config, Durability, EndpointConfig};
use crate::deliver::{Encoder, Groups, Hub, HubSender};
use crate::dialect::gramex::Gramex;
use crate::directory::Directory;
use crate::endpoint::{ADMISSION, Chain, Effort, Endpoint};
use crate::judge::floor::Floor;
use crate::log::EndpointLog;
use crate::log::appender;
use crate::log::{LogReader, Ring};
use crate::plugin::Plugins;
use crate::rate::Rates;
use crate::routes::Routes;
use crate::storage::{Numbers, OpenedLog};
use crate::storages::Storages;
use crate::waiting::Waiting;

pub struct App {
    config: ArcSwap<Config>,
    routes: ArcSwap<Routes>,
    directory: Arc<Directory>,
    pub auth: Arc<Auth>,
    background: Arc<Background>,
    pub plugins: Arc<Plugins>,
    pub storages: Storages,
    /// Connections that may still be taken.
    pub slots: Arc<Semaphore>,
    pub metrics: PrometheusHandle,
    pub bearer: Bearer,
    /// The server shuts down: `/readyz` says so, and no `close` hook runs.
    pub stopping: Arc<AtomicBool>,
    /// Endpoints that config reloads have taken out. Messages may still be on their way
    /// into their logs, which can have one writer only: when the endpoint comes back, it
    /// is the same one.
    pub retired: parking_lot::Mutex<BTreeMap<String, Arc<Endpoint>>>,
    /// Plugins and config change one at a time.
    pub changing: Mutex<()>,
}

impl App {
    /// Opens the databases and every endpoint; plugins must be loaded already.
    pub async fn open(
        config: Config,
        plugins: Arc<Plugins>,
        metrics: PrometheusHandle,
        bearer: Bearer,
    ) -> Result<Self> {
        let auth = Arc::new(Auth::open(&config)?);
        let storages = Storages::open(&config).await?;
        let app = Self {
            slots: Arc::new(Semaphore::new(config.server.max_connections)),
            routes: ArcSwap::from_pointee(Routes::default()),
            directory: Arc::default(),
            auth,
            background: Arc::default(),
            config: ArcSwap::from_pointee(config.clone()),
            plugins,
            storages,
            metrics,
            bearer,
            stopping: Arc::new(AtomicBool::new(false)),
            retired: parking_lot::Mutex::default(),
            changing: Mutex::new(()),
        };
        let mut endpoints = BTreeMap::new();
        for (name, settings) in &config.endpoints {
            let chain = app
                .chain(settings)
                .with_context(|| format!("endpoint `{name}`"))?;
            endpoints.insert(
                name.clone(),
                app.open_endpoint(name, settings, chain).await?,
            );
        }
        app.take(Routes::new(endpoints, &config)?);
        Ok(app)
    }

    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    pub fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Exchanges config, routes and what says who clients are; for `reload`.
    pub fn replace(&self, config: Config, routes: Routes, auth: Sources) {
        self.auth.replace(auth);
        self.bearer.follow(&config.admin);
        let (old, new) = (
            self.config().server.max_connections,
            config.server.max_connections,
        );
        if new >= old {
            self.slots.add_permits(new - old);
        } else {
            // Those in use become fewer as connections end only at the next restart.
            self.slots.forget_permits(old - new);
        }
        let config = Arc::new(config);
        self.config.store(Arc::clone(&config));
        for storage in self.storages.iter() {
            storage.outbox.follow(&config);
        }
        self.take(routes);
    }

    fn take(&self, routes: Routes) {
        self.directory.replace(&routes.by_name);
        self.routes.store(Arc::new(routes));
    }

    /// The endpoint's plugins as they are loaded now.
    pub fn chain(&self, settings: &EndpointConfig) -> Result<Chain> {
        let serving = settings.plugins.iter().map(|name| {
            self.plugins
                .handle(name)
                .and_then(|plugin| plugin.serving())
                .with_context(|| format!("plugin `{name}` is not loaded"))
        });
        let serving = serving.collect::<Result<Vec<_>>>()?;
        Chain::new(&serving).map_err(anyhow::Error::msg)
    }

    /// Opens an endpoint's table and log and starts its fan-out.
    pub async fn open_endpoint(
        &self,
        name: &str,
        settings: &EndpointConfig,
        chain: Chain,
    ) -> Result<Arc<Endpoint>> {
        let ephemeral = settings.durability == Durability::Ephemeral;
        let storage = self.storages.of(settings)?;
        let opened = if ephemeral {
            OpenedLog::in_memory()
        } else {
            let in_endpoint = || format!("endpoint `{name}`");
            if let Some(table) = &settings.table {
                let prepared = storage.database.prepare_table(table).await;
                prepared.with_context(in_endpoint)?;
            }
            let opened = storage.database.open_log(name, now_micros()).await;
            opened.with_context(in_endpoint)?
        };
        let (hub, queue) = HubSender::channel();
        let log = Arc::new(EndpointLog {
            id: opened.id,
            name: name.into(),
            durability: durability(settings.durability),
            incarnation: opened.incarnation,
            ring: Ring::new(settings.ring, opened.head),
            hub,
        });
        let table = settings.table.clone().map(Arc::new);
        let encoder = Arc::new(Encoder {
            dialect: Arc::new(Gramex),
            table: table.clone(),
            incarnation: opened.incarnation,
        });
        let groups = Arc::new(Groups::default());
        let admission = Arc::new(Semaphore::new(ADMISSION));
        let fan_out = Hub::new(
            log.clone(),
            encoder.clone(),
            groups.clone(),
            admission.clone(),
        );
        tokio::spawn(fan_out.run(queue));
        Ok(Arc::new(Endpoint {
            name: name.into(),
            dialect: encoder.dialect.clone(),
            table,
            reader: LogReader {
                log: log.clone(),
                incarnations: opened.incarnations,
                storage: (!ephemeral).then(|| storage.database.reader()),
            },
            log,
            storage: (!ephemeral).then(|| storage.clone()),
            numbers: (!ephemeral).then(|| Numbers::new(storage.database.reader())),
            outbox: storage.outbox.clone(),
            alert_trouble: Throttle::default(),
            directory: self.directory.clone(),
            auth: self.auth.clone(),
            encoder,
            groups,
            sequencer: if ephemeral {
                self.storages.memory.clone()
            } else {
                storage.sequencer.clone()
            },
            admission,
            floor: Floor::default(),
            effort: Effort::new(self.config().server.endpoint_share * processors()),
            background: self.background.clone(),
            chain: ArcSwap::from_pointee(chain),
            waiting: Waiting::default(),
            settings: ArcSwap::from_pointee(settings.clone()),
            rates: ArcSwap::from_pointee(Rates::new(&settings.rate)),
            first_head: opened.head,
            connections: RwLock::default(),
            stopping: self.stopping.clone(),
        }))
    }

    /// Writes what is queued, syncs and closes the databases. Connections must be gone.
    pub async fn close(&self) {
        self.storages.close().await;
    }
}

fn processors() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64)
}

fn durability(configured: Durability) -> appender::Durability {
    match configured {
        Durability::Full => appender::Durability::Full,
        Durability::Process => appender::Durability::Process,
        Durability::Ephemeral => appender::Durability::Ephemeral,
    }
}
