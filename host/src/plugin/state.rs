//! What a store holds for its guest: the call it serves, and what bounds it.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::call::CallContext;
use super::deadline::RunClock;
use super::grant::Grant;
use super::log::{Captured, PluginLog};
use super::settings::{Limits, PluginSettings};
use super::surroundings::{HostError, Surroundings};
use super::tape::Tape;
use crate::effects::{Effect, Effects};
use crate::id::ConnectionId;

/// Bytes of JSON that the effects of one call may hold together. Without it, 1,000
/// effects could pin a thousand times `limits.output`.
const EFFECT_BYTES: usize = 4 << 20;

/// Handles (pollables, streams, errors) a guest may have open.
const RESOURCES: usize = 1_000;

/// Data of one store, which is one instance.
pub struct State {
    pub settings: Arc<PluginSettings>,
    pub log: Arc<PluginLog>,
    pub clock: Arc<RunClock>,
    /// The call being served; none while the guest is made and described.
    pub call: Option<ActiveCall>,
    /// Effects of the current call. The buffer is kept from call to call.
    pub effects: Vec<Effect>,
    /// What the guest writes to stdout and stderr.
    pub captured: Captured,
    /// The guest's clocks and random numbers, and what host functions answered.
    pub tape: Tape,
    pub usage: Usage,
    wasi: WasiCtx,
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
    /// Effects that this call may still add.
    room: usize,
    /// Bytes that its effects may still add.
    bytes: usize,
}

impl ActiveCall {
    /// `before` is the number of effects that earlier hooks of the message have had.
    pub fn new(cx: &CallContext, before: usize) -> Self {
        let room = Effects::LIMIT.saturating_sub(before);
        Self {
            connection: cx.connection,
            endpoint: Arc::clone(&cx.endpoint),
            surroundings: Arc::clone(&cx.surroundings),
            depth: cx.depth,
            room,
            bytes: EFFECT_BYTES,
        }
    }
}

impl State {
    pub fn new(
        settings: Arc<PluginSettings>,
        log: Arc<PluginLog>,
        clock: Arc<RunClock>,
        tape: Tape,
    ) -> Self {
        let captured = Captured::new(Arc::clone(&log));
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
        resources.set_max_capacity(RESOURCES);
        let usage = Usage::new(&settings.limits);
        Self {
            settings,
            log,
            clock,
            call: None,
            effects: Vec::new(),
            captured,
            tape,
            usage,
            wasi,
            resources,
        }
    }

    /// A call begins.
    pub fn begin(&mut self, call: ActiveCall) {
        self.effects.clear();
        self.captured.begin();
        self.call = Some(call);
    }

    /// The call is over; returns what the guest said in errors.
    pub fn end(&mut self) -> Option<String> {
        self.call = None;
        self.captured.flush();
        self.captured.last_words()
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

    /// The error of a host function that would go past a limit. `limit` is the key in
    /// `[plugins.NAME.limits]`; every such error is made here, so that they are counted
    /// in one place.
    pub fn over(&self, limit: &'static str, message: impl Into<String>) -> HostError {
        tracing::debug!(plugin = %self.log.plugin(), limit, "a host function refused");
        HostError::new("limit", message)
    }

    /// Buffers an effect. `bytes` is what its texts hold.
    pub fn push(&mut self, bytes: usize, effect: Effect) -> Result<(), HostError> {
        let call = self.active()?;
        if call.room == 0 {
            let limit = Effects::LIMIT;
            let message = format!("a message may have {limit} effects; send fewer, or to a group");
            return Err(self.over("effects", message));
        }
        let Some(left) = call.bytes.checked_sub(bytes) else {
            let message = format!("the effects of a call may hold {EFFECT_BYTES} bytes; send less");
            return Err(self.over("effect_bytes", message));
        };
        call.room -= 1;
        call.bytes = left;
        self.effects.push(effect);
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

/// The epoch callback of every store.
pub fn tick(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    store.data().clock.tick()
}

/// Memory and table elements of one instance, over all its memories and tables.
pub struct Usage {
    memory: usize,
    memory_limit: usize,
    tables: usize,
    tables_limit: usize,
}

/// The guest wanted more than its settings allow. A trap, and not the -1 that
/// `memory.grow` could return: guests answer that with an abort that says nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "needs {wanted} {unit}, more than its limit of {limit}; if that is not a leak, raise `limits.{key}`"
)]
pub struct LimitReached {
    key: &'static str,
    unit: &'static str,
    wanted: usize,
    limit: usize,
}

impl Usage {
    fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_limit: limits.memory,
            tables: 0,
            tables_limit: limits.tables,
        }
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
        if wanted > self.memory_limit {
            let limit = self.memory_limit;
            return Err(LimitReached {
                key: "memory",
                unit: "bytes of memory",
                wanted,
                limit,
            }
            .into());
        }
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
        if wanted > self.tables_limit {
            let limit = self.tables_limit;
            return Err(LimitReached {
                key: "tables",
                unit: "table elements",
                wanted,
                limit,
            }
            .into());
        }
        self.tables = wanted;
        Ok(true)
    }
}
