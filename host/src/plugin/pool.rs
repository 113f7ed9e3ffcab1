//! Instances of one generation: made, lent to a call, taken back or thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::exports::hookcast::plugin::describe::Description;
use super::call::Output;
use super::deadline::{RunClock, WallReached, within};
use super::engine::Engine;
use super::error::{HookError, Place};
use super::hook::Hook;
use super::imports::http::Outbound;
use super::instance::{Exports, Instance};
use super::limits::Limit;
use super::log::PluginLog;
use super::meter::Meter;
use super::permits::Permits;
use super::script::Start;
use super::settings::{Isolation, PluginSettings};
use super::state::{State, tick};
use super::statistics::{Kind, Spent, Statistics};
use super::tape::{Notes, Tape};

/// How long a call waits for one of its generation's instances before the sender is told
/// that the server is busy.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

pub struct Pool {
    engine: Engine,
    pre: InstancePre<State>,
    exports: Exports,
    /// What gives an instance its script; none for components.
    script: Option<Start>,
    settings: Arc<PluginSettings>,
    log: Arc<PluginLog>,
    meter: Arc<Meter>,
    statistics: Arc<Statistics>,
    outbound: Arc<Outbound>,
    /// Memories an instance takes of the engine's pool.
    memories: u32,
    permits: Permits,
    /// Instances that wait for a call. Last in, first out: the last one is in the caches.
    /// A plain mutex, never held across an await.
    idle: Mutex<Vec<Instance>>,
}

/// What an instance is made under.
pub struct Conditions {
    settings: Arc<PluginSettings>,
    log: Arc<PluginLog>,
    /// What its making is given; none for the real time and new random numbers.
    script: Option<Notes>,
    outbound: Arc<Outbound>,
}

/// An instance lent to one call. Dropped, it takes the instance with it: that is what
/// becomes of it after an error or when the call's future is dropped.
pub struct Lease<'a> {
    pub instance: Instance,
    pool: &'a Pool,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub fn new(
        engine: Engine,
        pre: InstancePre<State>,
        exports: Exports,
        script: Option<Start>,
        settings: Arc<PluginSettings>,
        log: Arc<PluginLog>,
        statistics: Arc<Statistics>,
    ) -> Self {
        let network = engine.network();
        let meter = statistics.meter();
        let outbound = Outbound::new(network, Arc::clone(&settings), Arc::clone(&log));
        Self {
            outbound: Arc::new(outbound),
            memories: Engine::slots_of(pre.component()),
            permits: Permits::new(settings.limits.instances),
            idle: Mutex::new(Vec::new()),
            engine,
            pre,
            exports,
            script,
            settings,
            log,
            meter,
            statistics,
        }
    }

    /// A pool of the same kind of instances that has none yet. They write another log,
    /// are counted apart by its meter, and send no HTTP requests.
    pub fn twin(&self, log: Arc<PluginLog>) -> Self {
        let statistics = Statistics::new(Arc::clone(log.meter()));
        let outbound = self.closed(Arc::clone(&self.settings), Arc::clone(&log));
        let twin = Self::new(
            self.engine.clone(),
            self.pre.clone(),
            self.exports.clone(),
            self.script.clone(),
            Arc::clone(&self.settings),
            log,
            Arc::new(statistics),
        );
        Self {
            outbound: Arc::new(outbound),
            ..twin
        }
    }

    fn closed(&self, settings: Arc<PluginSettings>, log: Arc<PluginLog>) -> Outbound {
        Outbound::new(self.engine.network(), settings, log).closed()
    }

    /// Whether its instances export fixtures.
    pub fn has_self_test(&self) -> bool {
        self.exports.has_self_test()
    }

    pub fn settings(&self) -> &PluginSettings {
        &self.settings
    }

    pub fn log(&self) -> &PluginLog {
        &self.log
    }

    pub fn shared_settings(&self) -> Arc<PluginSettings> {
        Arc::clone(&self.settings)
    }

    /// Lends an instance, making one if none is idle. Waits while all that the endpoint
    /// may have are busy.
    pub async fn lend(&self, hook: Hook, endpoint: &Arc<str>) -> Result<Lease<'_>, HookError> {
        let permits = self.permits.of(endpoint);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.meter.hit(Limit::Instances);
                self.queue(hook, &permits).await?
            }
        };
        let instances = self.settings.limits.instances;
        let busy = instances.saturating_sub(permits.available_permits());
        self.meter.used(Limit::Instances, busy as u64);
        let idle = self.idle.lock().pop();
        let instance = match idle {
            Some(instance) => instance,
            None => self.make(hook).await?.0,
        };
        Ok(Lease {
            instance,
            pool: self,
            _permit: permit,
        })
    }

    async fn queue(
        &self,
        hook: Hook,
        permits: &Arc<Semaphore>,
    ) -> Result<OwnedSemaphorePermit, HookError> {
        match tokio::time::timeout(QUEUE_WAIT, Arc::clone(permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            // Nobody closes the permits: what is left is the time that ran out.
            _ => {
                let problem = format!(
                    "all {} instances were busy for {QUEUE_WAIT:?}; make the plugin faster or \
                     raise `limits.instances`",
                    self.settings.limits.instances
                );
                Err(self.unavailable(hook, problem))
            }
        }
    }

    /// What the pool's own instances are made under.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            settings: Arc::clone(&self.settings),
            log: Arc::clone(&self.log),
            script: None,
            outbound: Arc::clone(&self.outbound),
        }
    }

    /// What an instance for a fixture is made under: it is not counted, and sends no HTTP
    /// requests.
    pub fn fixture_conditions(
        &self,
        settings: Arc<PluginSettings>,
        log: Arc<PluginLog>,
        script: Notes,
    ) -> Conditions {
        let outbound = self.closed(Arc::clone(&settings), Arc::clone(&log));
        Conditions {
            settings,
            log,
            script: Some(script),
            outbound: Arc::new(outbound),
        }
    }

    /// Makes an instance and asks it what it is. `hook` is what it is made for.
    pub async fn make(&self, hook: Hook) -> Result<(Instance, Description), HookError> {
        self.make_under(hook, self.conditions()).await
    }

    /// The same under other conditions. Such an instance is not for the pool.
    pub async fn make_under(
        &self,
        hook: Hook,
        conditions: Conditions,
    ) -> Result<(Instance, Description), HookError> {
        let limits = &self.settings.limits;
        let slots = self.engine.slots(self.memories);
        let slots = tokio::time::timeout(limits.wall, slots)
            .await
            .ok()
            .flatten();
        let slots = slots.ok_or_else(|| {
            let all = self.engine.settings().instances;
            let problem = format!(
                "no room for another instance: all {all} of the server are in use. Raise the \
                 server's number of plugin instances, or lower `limits.instances`"
            );
            self.unavailable(hook, problem)
        })?;

        let clock = Arc::new(RunClock::new(self.engine.pulse(), self.engine.turns()));
        let counted = conditions.script.is_none();
        let tape = Tape::new(conditions.script);
        let state = State::new(
            conditions.settings,
            conditions.log,
            Arc::clone(&clock),
            conditions.outbound,
            tape.clone(),
        );
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(|state| &mut state.usage);
        store.epoch_deadline_callback(tick);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(limits.transfer);
        if self.engine.settings().fuel {
            // More than any deadline lets a guest use; it is there to be counted.
            let given = store.set_fuel(u64::MAX);
            given.map_err(|error| self.unavailable(hook, error.to_string()))?;
        }

        let made = within(&clock, limits.init, limits.wall, async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            if let Some(script) = &self.script {
                script.run(&mut store, &instance).await?;
            }
            let guest = self.exports.load(&mut store, &instance)?;
            let description = guest.describe.call_describe(&mut store).await?;
            wasmtime::Result::Ok((guest, description))
        });
        let made = made.await;
        let spent = Spent::making(&clock);
        let error = match made {
            Ok(Ok((guest, description))) => {
                store.data().captured.flush();
                if counted {
                    self.statistics
                        .returned(Hook::Describe, &spent, &Output::Unchanged);
                }
                let instance = Instance::new(store, guest, tape.take(), slots);
                return Ok((instance, description));
            }
            Ok(Err(error)) => {
                store.data().captured.flush();
                let words = store.data().captured.last_words();
                let limit = (limits.init, "limits.init");
                self.failed(Hook::Describe, &error, limit, words)
            }
            Err(WallReached) => self.wall_reached(Hook::Describe),
        };
        if counted {
            self.statistics.failed(Hook::Describe, &spent, &error);
        }
        Err(error)
    }

    /// Keeps an instance for later calls.
    pub fn keep(&self, mut instance: Instance) {
        instance.calls += 1;
        let most = self.settings.limits.calls_per_instance;
        self.meter
            .used(Limit::CallsPerInstance, instance.calls.into());
        if self.settings.isolation == Isolation::PerCall {
            return;
        }
        if instance.calls >= most {
            self.meter.hit(Limit::CallsPerInstance);
            return;
        }
        self.idle.lock().push(instance);
    }

    /// Instances that wait for a call.
    pub fn idle(&self) -> usize {
        self.idle.lock().len()
    }

    /// Drops instances that have waited for a call longer than they may.
    pub fn trim(&self, now: Instant) {
        let most = self.settings.limits.idle;
        let waited = |instance: &Instance| {
            let ended = instance.store.data().clock.ended();
            now.saturating_duration_since(ended)
        };
        let dropped: Vec<_> = {
            let mut idle = self.idle.lock();
            idle.extract_if(.., |instance| {
                let waited = waited(instance);
                self.meter.used_time(Limit::Idle, waited.min(most));
                waited > most
            })
            .collect()
        };
        for _ in &dropped {
            self.meter.hit(Limit::Idle);
        }
        // Dropping takes system calls, which nobody who wants an instance should wait for.
        drop(dropped);
    }

    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub fn statistics(&self) -> Arc<Statistics> {
        Arc::clone(&self.statistics)
    }

    /// Bytes of stack that guests have.
    pub fn stack(&self) -> u64 {
        self.engine.settings().stack as u64
    }

    fn unavailable(&self, hook: Hook, problem: String) -> HookError {
        self.statistics.lost(hook, Kind::Unavailable);
        HookError::Unavailable {
            place: Box::new(self.place(hook)),
            problem,
        }
    }

    /// What a call that did not return is for operators.
    pub fn failed(
        &self,
        hook: Hook,
        error: &wasmtime::Error,
        limit: (Duration, &'static str),
        last_words: Option<String>,
    ) -> HookError {
        let error = HookError::from_wasmtime(self.place(hook), error, limit, last_words);
        match self.script {
            // It would show the insides of the interpreter.
            Some(_) => error.without_backtrace(),
            None => error,
        }
    }

    pub fn wall_reached(&self, hook: Hook) -> HookError {
        HookError::Timeout {
            place: Box::new(self.place(hook)),
            limit: self.settings.limits.wall,
            setting: "limits.wall",
        }
    }

    pub fn place(&self, hook: Hook) -> Place {
        Place {
            plugin: Arc::clone(self.log.plugin()),
            version: self.log.version(),
            generation: self.log.generation(),
            hook,
            cause: None,
            recorded: None,
        }
    }
}

impl Lease<'_> {
    /// Gives the instance back for later calls.
    pub fn give_back(self) {
        self.pool.keep(self.instance);
    }
}
