//! What a store holds for its guest: the call it serves, and what bounds it.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::call::CallContext;
use super::deadline::RunClock;
use super::grant::Grant;
use super::imports::http::{Http, Outbound};
use super::limits::Limit;
use super::log::{Captured, PluginLog};
use super::meter::Meter;
use super::settings::PluginSettings;
use super::surroundings::{HostError, Surroundings};
use super::tape::Tape;
use crate::effects::Effect;
use crate::id::ConnectionId;
use crate::kv::Space;

/// Data of one store, which is one instance.
pub struct State {
    pub settings: Arc<PluginSettings>,
    pub log: Arc<PluginLog>,
    pub meter: Arc<Meter>,
    pub clock: Arc<RunClock>,
    /// The call being served; none while the guest is made and described.
    pub call: Option<ActiveCall>,
    /// Effects of the current call. The buffer is kept from call to call.
    pub effects: Vec<Effect>,
    /// The plugin's keys as the message's hooks have left them so far.
    pub keys: Space,
    /// What the guest writes to stdout and stderr.
    pub captured: Captured,
    /// The guest's clocks and random numbers, and what host functions answered.
    pub tape: Tape,
    pub usage: Usage,
    wasi: WasiCtx,
    http: Http,
    resources: ResourceTable,
}

/// The call that host functions work for.
pub struct ActiveCall {
    pub connection: ConnectionId,
    /// Name of the endpoint.
    pub endpoint: Arc<str>,
    pub surroundings: Arc<dyn Surroundings>,
    /// How many publications away from a client's message.
    pub depth: u8,
    /// Effects of the message so far, those of earlier hooks included.
    count: usize,
    /// Bytes that the effects of this call hold so far.
    bytes: usize,
    /// Bytes that the plugin's keys took before the call, once it has asked.
    pub kv_used: Option<u64>,
}

/// How a call ended.
pub struct Ended {
    /// What the guest said in errors.
    pub last_words: Option<String>,
    /// The instance can't serve another call, although the call may have gone well.
    pub spent: bool,
    /// It wanted to send an HTTP request where none is sent: in a fixture or a comparison.
    pub wanted_http: bool,
}

impl ActiveCall {
    /// `before` is the number of effects that earlier hooks of the message have had.
    pub fn new(cx: &CallContext, before: usize) -> Self {
        Self {
            connection: cx.connection,
            endpoint: Arc::clone(&cx.endpoint),
            surroundings: Arc::clone(&cx.surroundings),
            depth: cx.depth,
            count: before,
            bytes: 0,
            kv_used: None,
        }
    }
}

impl State {
    pub fn new(
        settings: Arc<PluginSettings>,
        log: Arc<PluginLog>,
        clock: Arc<RunClock>,
        outbound: Arc<Outbound>,
        tape: Tape,
    ) -> Self {
        let captured = Captured::new(Arc::clone(&log));
        let meter = Arc::clone(log.meter());
        // No environment, arguments, folders, stdin or network (sockets are denied unless
        // the builder allows them): nothing is reachable through WASI but clocks and
        // random numbers.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(captured.stdout())
            .stderr(captured.stderr())
            .max_random_size(64 << 10);
        tape.give(&mut wasi);
        let wasi = wasi.build();
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(settings.limits.handles);
        let usage = Usage::new(Arc::clone(&meter));
        Self {
            settings,
            log,
            meter,
            clock,
            call: None,
            effects: Vec::new(),
            keys: Space::default(),
            captured,
            tape,
            usage,
            wasi,
            http: Http::new(outbound),
            resources,
        }
    }

    /// A call begins.
    pub fn begin(&mut self, call: ActiveCall) {
        self.effects.clear();
        self.captured.begin();
        self.http.begin();
        self.call = Some(call);
    }

    /// The call is over.
    pub fn end(&mut self) -> Ended {
        self.call = None;
        self.captured.flush();
        Ended {
            last_words: self.captured.last_words(),
            wanted_http: self.http.was_wanted(),
            spent: self.http.end(&mut self.resources),
        }
    }

    /// The call being served, for host functions that need one.
    pub fn active(&mut self) -> Result<&mut ActiveCall, HostError> {
        self.call.as_mut().ok_or_else(|| {
            HostError::new(
                "unavailable",
                "there is no connection while `describe` runs; do this in a hook",
            )
        })
    }

    /// An error that says what to do unless the operator gave this grant. Host functions
    /// check at each call: drop-in scripts import everything.
    pub fn need(&self, grant: &Grant) -> Result<(), HostError> {
        if self.settings.granted(grant) {
            return Ok(());
        }
        let (grant, plugin) = (grant.name(), self.log.plugin());
        let message =
            format!("needs the grant \"{grant}\": add it to `grants` of [plugins.{plugin}]");
        Err(HostError::new("denied", message))
    }

    /// The error of a host function that would go past a limit. Every such error is made
    /// here, so that they are counted in one place.
    pub fn over(&self, limit: Limit, message: impl Into<String>) -> HostError {
        self.meter.hit(limit);
        tracing::debug!(plugin = %self.log.plugin(), limit = limit.key(), "a host function refused");
        HostError::new("limit", message)
    }

    /// Checks the size of a text that the guest hands over. `what` says what it is.
    pub fn fits(&self, what: &str, text: &str) -> Result<(), HostError> {
        let (bytes, limit) = (text.len(), self.settings.limits.output);
        self.meter.used(Limit::Transfer, bytes as u64);
        if bytes > limit {
            let message = format!("the {what} has {bytes} bytes; `limits.output` is {limit}");
            return Err(self.over(Limit::Output, message));
        }
        self.meter.used(Limit::Output, bytes as u64);
        Ok(())
    }

    /// Buffers an effect. `bytes` is what its texts hold.
    pub fn push(&mut self, bytes: usize, effect: Effect) -> Result<(), HostError> {
        self.charge(bytes)?;
        self.effects.push(effect);
        Ok(())
    }

    /// Takes an effect of this size off what the call may still have.
    pub fn charge(&mut self, bytes: usize) -> Result<(), HostError> {
        let call = self.active()?;
        let (count, bytes) = (call.count + 1, call.bytes.saturating_add(bytes));
        let limits = &self.settings.limits;
        if count > limits.effects {
            let limit = limits.effects;
            let message = format!("a message may have {limit} effects; send fewer, or to a group");
            return Err(self.over(Limit::Effects, message));
        }
        if bytes > limits.effect_bytes {
            let limit = limits.effect_bytes;
            let message = format!("the effects of a call may hold {limit} bytes; send less");
            return Err(self.over(Limit::EffectBytes, message));
        }
        self.meter.used(Limit::Effects, count as u64);
        self.meter.used(Limit::EffectBytes, bytes as u64);
        let call = self.active()?;
        (call.count, call.bytes) = (count, bytes);
        Ok(())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.resources,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: &mut self.resources,
            ctx: &mut self.http.context,
        }
    }
}

/// The epoch callback of every store.
pub fn tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    store.data().clock.tick()
}

/// Memory and table elements of one instance, over all its memories and tables.
pub struct Usage {
    meter: Arc<Meter>,
    memory: usize,
    tables: usize,
}

/// The guest wanted more than its settings allow. A trap, and not the -1 that
/// `memory.grow` could return: guests answer that with an abort that says nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "needs {wanted} {unit}, more than its limit of {limit}; if that is not a leak, raise `{key}`"
)]
pub struct LimitReached {
    key: Limit,
    unit: &'static str,
    wanted: usize,
    limit: usize,
}

impl Usage {
    fn new(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            memory: 0,
            tables: 0,
        }
    }

    /// Notes what is wanted, or refuses it.
    fn grow(
        &self,
        key: Limit,
        unit: &'static str,
        wanted: usize,
        limit: usize,
    ) -> wasmtime::Result<()> {
        if wanted > limit {
            self.meter.hit(key);
            return Err(LimitReached {
                key,
                unit,
                wanted,
                limit,
            }
            .into());
        }
        self.meter.used(key, wanted as u64);
        Ok(())
    }
}

impl ResourceLimiter for Usage {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        let limit = self.meter.limits().memory;
        self.grow(Limit::Memory, "bytes of memory", wanted, limit)?;
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.tables.saturating_add(desired.saturating_sub(current));
        let limit = self.meter.limits().tables;
        self.grow(Limit::Tables, "table elements", wanted, limit)?;
        self.tables = wanted;
        Ok(true)
    }
}
