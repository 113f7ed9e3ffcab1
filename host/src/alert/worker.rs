//! The one task that sends alerts: takes rows from the outbox, as many as their service
//! takes at a time, and writes down what has become of each.
//!
//! A row is gone once its mail is handed over. If the process dies between the two, or the
//! answer to the mail is lost, it is sent again, with the same Message-ID.

mod verdict;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use metrics::{counter, gauge, histogram};
use tokio::sync::watch;
use tokio::time::Instant;

use super::digest;
use super::failure::Failure;
use super::job::{Job, Outcome};
use super::posted::{Leased, Settled};
use super::rate::Rate;
use super::service::{self, Service};
use super::throttle::Throttle;
use crate::app::App;
use crate::clock::now_micros;
use crate::config::Config;

/// How long rows are taken for; longer than any try may take.
const LEASE: Duration = Duration::from_secs(15 * 60);

/// Between two rounds of forgetting and giving up.
const ROUND: Duration = Duration::from_secs(30);

/// Before the database is tried again after it has failed.
const TROUBLE: Duration = Duration::from_secs(1);

/// Longer than any `digest`: then nobody needs to know who got one.
const DIGESTS: Duration = Duration::from_secs(8 * 86_400);

/// Sends until the server stops.
pub async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut worker = Worker::new(app);
    let outbox = Arc::clone(&worker.app.outbox);
    while !*stop.borrow_and_update() {
        let next = worker.fill().await;
        tokio::select! {
            Some(done) = worker.sending.next() => worker.done(done).await,
            () = outbox.woken() => {}
            () = tokio::time::sleep_until(next) => {}
            _ = stop.changed() => {}
        }
    }
    worker.finish().await;
}

struct Worker {
    app: Arc<App>,
    config: Arc<Config>,
    services: BTreeMap<String, Service>,
    /// By endpoint.
    rates: HashMap<i64, Rate>,
    /// Endpoints that have sent enough, and until when.
    full: HashMap<i64, Instant>,
    sending: FuturesUnordered<BoxFuture<'static, Done>>,
    /// What could not be written down yet.
    unsettled: Vec<Settled>,
    next_round: Instant,
    /// By endpoint and alert.
    complaints: HashMap<(String, String), Throttle>,
    database_trouble: Throttle,
}

/// A job that has ended.
struct Done {
    service: String,
    rows: Vec<Leased>,
    result: Result<Outcome, Failure>,
}

impl Worker {
    fn new(app: Arc<App>) -> Self {
        let config = app.config();
        Self {
            services: service::all(&config, BTreeMap::new()),
            config,
            app,
            rates: HashMap::new(),
            full: HashMap::new(),
            sending: FuturesUnordered::new(),
            unsettled: Vec::new(),
            next_round: Instant::now(),
            complaints: HashMap::new(),
            database_trouble: Throttle::default(),
        }
    }

    /// Begins what can be begun. Returns when there will be more, if nothing happens.
    async fn fill(&mut self) -> Instant {
        let config = self.app.config();
        if !Arc::ptr_eq(&config, &self.config) {
            let before = std::mem::take(&mut self.services);
            self.services = service::all(&config, before);
            self.config = config;
        }
        match self.begin_all().await {
            Ok(next) => next,
            Err(error) => {
                if self.database_trouble.admit().is_some() {
                    tracing::error!(%error, "the outbox of alerts can't be read or written");
                }
                Instant::now() + TROUBLE
            }
        }
    }

    async fn begin_all(&mut self) -> sqlx::Result<Instant> {
        self.settle(Vec::new()).await?;
        let now = Instant::now();
        if now >= self.next_round {
            self.round().await?;
            self.next_round = Instant::now() + ROUND;
        }
        self.full.retain(|_, until| *until > now);
        let mut next = self.next_round;
        for until in self.full.values() {
            next = next.min(*until);
        }
        let names: Vec<_> = self.services.keys().cloned().collect();
        for name in names {
            next = next.min(self.begin(&name).await?);
        }
        Ok(next)
    }

    /// Begins what one service takes.
    async fn begin(&mut self, name: &str) -> sqlx::Result<Instant> {
        let never = self.next_round;
        let table = Arc::clone(&self.app.alerts);
        loop {
            let now = Instant::now();
            let Some(service) = self.services.get(name) else {
                return Ok(never);
            };
            if let Some(until) = service.paused_until(now) {
                return Ok(until);
            }
            let room = service.room(now);
            if room == 0 {
                return Ok(never);
            }
            let except: Vec<i64> = self.full.keys().copied().collect();
            let time = now_micros();
            let until = time + micros(LEASE);
            let rows = table.lease(name, &except, room, time, until).await?;
            if rows.is_empty() {
                let except: Vec<i64> = self.full.keys().copied().collect();
                let due = table.next_due(name, &except, time).await?;
                let wait = due.map(|due| (due - time).unsigned_abs());
                return Ok(wait.map_or(never, |wait| now + Duration::from_micros(wait)));
            }
            self.start(name, rows).await?;
        }
    }

    /// Starts a job for each of these rows, or for each recipient of theirs.
    async fn start(&mut self, name: &str, rows: Vec<Leased>) -> sqlx::Result<()> {
        let mut settled = Vec::new();
        let mut gathered: Vec<i64> = Vec::new();
        for row in rows {
            if gathered.contains(&row.number) {
                continue;
            }
            if let Err(wait) = self.may_send(&row) {
                self.full.insert(row.endpoint, Instant::now() + wait);
                settled.push(Settled::Later {
                    numbers: vec![row.number],
                    due: now_micros() + micros(wait),
                    refused: None,
                });
                continue;
            }
            let rows = if row.recipient.is_some() {
                let until = now_micros() + micros(LEASE);
                let rows = self.app.alerts.gather(&row, digest::MOST, until).await?;
                gathered.extend(rows.iter().map(|row| row.number));
                rows
            } else {
                vec![row]
            };
            if !rows.is_empty() {
                self.spawn(name, rows);
            }
        }
        self.settle(settled).await
    }

    /// Whether the endpoint may send one more, or how long it has to wait.
    fn may_send(&mut self, row: &Leased) -> Result<(), Duration> {
        let Some(endpoint) = self.config.endpoints.get(&row.endpoint_name) else {
            return Ok(());
        };
        // It is only sorted by its recipients.
        if row.recipient.is_none() && self.digest_of(row).is_some() {
            return Ok(());
        }
        let per_minute = endpoint.alert_rate;
        let rate = self.rates.entry(row.endpoint);
        let rate = rate.or_insert_with(|| Rate::new(per_minute));
        if !rate.is(per_minute) {
            *rate = Rate::new(per_minute);
        }
        rate.take()
    }

    fn spawn(&mut self, name: &str, rows: Vec<Leased>) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.begin(1);
        let job = Job {
            config: Arc::clone(&self.config),
            network: self.app.plugins.network(),
            way: Arc::clone(&service.way),
            mail: service.mail.clone(),
            rows,
        };
        let service = name.to_owned();
        let sending = async move {
            let begun = Instant::now();
            let result = job.run().await;
            histogram!("hookcast_alert_seconds").record(begun.elapsed().as_secs_f64());
            Done {
                service,
                rows: job.rows,
                result,
            }
        };
        self.sending.push(sending.boxed());
    }

    /// Writes down what has become of a job, and of all others that have ended.
    async fn done(&mut self, first: Done) {
        let mut settled = vec![self.judge(first)];
        while let Some(Some(done)) = self.sending.next().now_or_never() {
            settled.push(self.judge(done));
        }
        if let Err(error) = self.settle(settled).await
            && self.database_trouble.admit().is_some()
        {
            tracing::error!(%error, "what became of alerts can't be written; it is tried again");
        }
    }

    /// Writes to the table, with what could not be written before.
    async fn settle(&mut self, more: Vec<Settled>) -> sqlx::Result<()> {
        self.unsettled.extend(more);
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let change = self.app.alerts.settle(&self.unsettled).await?;
        self.unsettled.clear();
        self.app.outbox.change(change);
        gauge!("hookcast_alerts_waiting").set(self.app.outbox.waiting() as f64);
        Ok(())
    }

    /// Gives up what is too old, forgets what nobody asked for, counts anew.
    async fn round(&mut self) -> sqlx::Result<()> {
        let (time, config) = (now_micros(), &self.config.alerts);
        let table = &self.app.alerts;
        let services: Vec<_> = self.services.keys().cloned().collect();
        let before = time - micros(config.expire);
        let dead = table.expire(before, &services, time).await?;
        if dead > 0 {
            counter!("hookcast_alerts_dead_total", "endpoint" => "").increment(dead);
            tracing::error!(
                dead,
                "alerts have become dead letters, too old or for services that are gone; \
                 GET /api/alerts?dead=true shows them"
            );
        }
        let forgotten = table
            .forget(time - micros(config.keep), time - micros(DIGESTS))
            .await?;
        if forgotten > 0 {
            tracing::warn!(
                forgotten,
                "dead letters older than `alerts.keep` were deleted"
            );
        }
        self.app.outbox.found(table.waiting().await?);
        gauge!("hookcast_alerts_waiting").set(self.app.outbox.waiting() as f64);
        Ok(())
    }

    /// What is on its way ends, as far as the shutdown waits for it: what is cut off may
    /// have arrived and is sent again.
    async fn finish(&mut self) {
        let end = Instant::now() + self.config.server.shutdown_grace;
        while let Ok(Some(done)) = tokio::time::timeout_at(end, self.sending.next()).await {
            self.done(done).await;
        }
        let cut_off = self.sending.len();
        if cut_off > 0 {
            tracing::warn!(
                cut_off,
                "alerts were on their way still; they are sent again"
            );
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
