//! The wasmtime engine that all plugins share.

use std::sync::Arc;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, PoolingAllocationConfig};

use super::codegen::{self, GUARD, RESERVATION};
use super::compile::Compiler;
use super::imports::http::Network;
use super::log::Books;
use super::ticker::{Pulse, Ticker};
use super::turns::Turns;
use crate::tls::Roots;

/// Tables that one instance may have. A Rust component has two.
const TABLES_PER_INSTANCE: u32 = 8;
/// Core modules instantiated for one component. The linking code of wit-component makes
/// two or three of one; a Python component is about 40 shared libraries and shims.
const CORE_INSTANCES_PER_INSTANCE: u32 = 64;
/// Highest `limits.tables` of any plugin, in elements of one table.
const TABLE_ELEMENTS: usize = 1_000_000;
/// Highest `limits.memory` of any plugin, in bytes: all that 32 bits can address.
const MEMORY: usize = 4 << 30;

/// Room on a call's stack above the guest's share, for host functions.
const HOST_STACK: usize = 512 << 10;

/// Sizes of the instance pool. They hold for the whole process and can't be changed
/// while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineSettings {
    /// Instances of all plugins together. Each takes 4 GiB of address space (not of
    /// memory): 10,000 fit on Linux x86-64, 25,000 don't.
    pub instances: u32,
    /// Bytes of stack that a guest may use. One size for all plugins: wasmtime checks
    /// against the engine's, whatever store a guest runs in.
    pub stack: usize,
    /// Guests' instructions are counted, which makes them slower: for measuring only.
    pub fuel: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            instances: 1_000,
            stack: 512 << 10,
            fuel: false,
        }
    }
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "can't set up the WebAssembly engine for {instances} plugin instances \
         ({} GiB of address space): {cause}. Lower the number of instances, or raise the \
         limit of address space (`ulimit -v`)",
        (u64::from(*instances) * (RESERVATION + GUARD)) >> 30
    )]
    Engine { instances: u32, cause: String },
    #[error("can't start the thread that ticks the deadlines of plugins: {0}")]
    Ticker(std::io::Error),
}

/// The engine; clones share it. The ticker stops when the last clone is gone.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    settings: Arc<EngineSettings>,
    compiler: Compiler,
    /// Memories left in the pool. wasmtime's own exhaustion is an error and no queue.
    slots: Arc<Semaphore>,
    ticker: Arc<Ticker>,
    turns: Turns,
    network: Arc<Network>,
    books: Arc<Books>,
    /// What runs scripts, compiled when the first one is loaded.
    scripts: Arc<OnceCell<Component>>,
}

impl Engine {
    /// Reserves the pool and starts the ticker. The compiler makes what the engine runs.
    pub fn new(settings: EngineSettings, compiler: Compiler) -> Result<Self, EngineError> {
        let wasmtime = wasmtime::Engine::new(&wasmtime_config(&settings)).map_err(|error| {
            EngineError::Engine {
                instances: settings.instances,
                cause: format!("{error:#}"),
            }
        })?;
        let ticker = Ticker::start(wasmtime.clone()).map_err(EngineError::Ticker)?;
        Ok(Self {
            wasmtime,
            slots: Arc::new(Semaphore::new(settings.instances as usize)),
            settings: Arc::new(settings),
            compiler,
            ticker: Arc::new(ticker),
            turns: Turns::new(),
            network: Arc::new(Network::new(Roots::default())),
            books: Arc::default(),
            scripts: Arc::default(),
        })
    }

    /// HTTPS requests of plugins trust these root certificates besides the system's.
    #[must_use]
    pub fn trusting(mut self, roots: Roots) -> Self {
        self.network = Arc::new(Network::new(roots));
        self
    }

    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    pub(super) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// What is kept of the plugins' logs.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// The place of the compiled runtime of scripts.
    pub(super) fn scripts(&self) -> &OnceCell<Component> {
        &self.scripts
    }

    /// What guests that run long share.
    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// What requests of guests go through.
    pub(super) fn network(&self) -> Arc<Network> {
        Arc::clone(&self.network)
    }

    /// What guests announce their calls to.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        self.ticker.pulse()
    }

    /// Highest `limits.memory` and `limits.tables` that a plugin may be given.
    pub(super) const HIGHEST: (usize, usize) = (MEMORY, TABLE_ELEMENTS);

    /// Memories that an instance of the component takes from the pool.
    pub(super) fn slots_of(component: &Component) -> u32 {
        component
            .resources_required()
            .map_or(1, |needs| needs.num_memories.max(1))
    }

    /// Waits for room in the pool. What is returned gives the room back when dropped,
    /// so it has to outlive the instance. None when the pool is closed, which it never is.
    pub(super) async fn slots(&self, memories: u32) -> Option<Slots> {
        let slots = Arc::clone(&self.slots).acquire_many_owned(memories).await;
        slots.ok().map(|permit| Slots { _permit: permit })
    }
}

/// Room for one instance in the pool.
pub(super) struct Slots {
    _permit: OwnedSemaphorePermit,
}

/// How the engine is set up: for the bench, which calls a guest with nothing of the host
/// around it.
pub fn wasmtime_config(settings: &EngineSettings) -> Config {
    let count = settings.instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count)
        .total_core_instances(count.saturating_mul(CORE_INSTANCES_PER_INSTANCE))
        .max_core_instances_per_component(CORE_INSTANCES_PER_INSTANCE)
        .total_memories(count)
        .total_tables(count.saturating_mul(TABLES_PER_INSTANCE))
        .max_tables_per_component(TABLES_PER_INSTANCE)
        .total_stacks(count)
        .max_memory_size(MEMORY)
        .table_elements(TABLE_ELEMENTS)
        // With the kernel's PAGEMAP_SCAN a slot is reset by rewriting the pages that
        // were touched: half the cost of a fresh instance.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10);

    let mut config = codegen::config();
    config
        .allocation_strategy(pool)
        .consume_fuel(settings.fuel)
        .max_wasm_stack(settings.stack)
        .async_stack_size(settings.stack + HOST_STACK);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticker_stops_with_the_engine() {
        let settings = EngineSettings {
            instances: 2,
            ..EngineSettings::default()
        };
        let engine = Engine::new(settings, Compiler::in_this_process());
        let engine = engine.expect("a small engine");
        let weak = engine.wasmtime().weak();
        drop(engine);
        // The thread held a clone: were it still running, the engine would be alive.
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn too_many_instances_are_an_error_that_says_what_to_do() {
        let settings = EngineSettings {
            instances: 1_000_000,
            ..EngineSettings::default()
        };
        let Err(error) = Engine::new(settings, Compiler::in_this_process()) else {
            panic!("4 PiB of address space")
        };
        assert!(
            error.to_string().contains("Lower the number of instances"),
            "{error}"
        );
    }
}
