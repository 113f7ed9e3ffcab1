//! The same component without the host: one instance in a store of its own, called directly.
//!
//! No limits, no deadline, no effects, no statistics, and nothing behind the imports but
//! the one that the hook calls.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use hookcast::plugin::{EngineSettings, wasmtime_config};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, Instance, Lift, Linker, Lower,
};
use wasmtime::{Engine, Store};

/// Far enough for any batch: nothing ticks here.
const NO_DEADLINE: u64 = 1 << 40;

pub struct Raw {
    store: Store<()>,
    instance: Instance,
    prepare: ComponentExportIndex,
}

/// `call` of wit/types.wit.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Call<'a> {
    connection: &'a str,
    user: Option<&'a str>,
    method: &'a str,
    endpoint: &'a str,
    #[component(name = "received-at")]
    received_at: u64,
    queued: bool,
}

/// `rejection` of wit/types.wit.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Rejection {
    code: String,
    message: String,
    details: Option<String>,
}

type Answer = (Result<Option<String>, Rejection>,);

impl Raw {
    /// Compiles the component and makes an instance, with the host's settings of the engine.
    pub async fn load(file: &Path) -> Result<Self> {
        let wasm = fs::read(file).with_context(|| format!("read {}", file.display()))?;
        Self::instantiate(&wasm)
            .await
            .map_err(|error| anyhow!("{}, without the host: {error:#}", file.display()))
    }

    async fn instantiate(wasm: &[u8]) -> wasmtime::Result<Self> {
        let settings = EngineSettings {
            instances: 1,
            ..EngineSettings::default()
        };
        let engine = Engine::new(&wasmtime_config(&settings))?;
        let component = Component::new(&engine, wasm)?;
        let mut linker = Linker::new(&engine);
        if let Some(seed) = seed(&component) {
            linker
                .instance(&seed)?
                .func_wrap("insecure-seed", |_, ()| Ok(((1_u64, 2_u64),)))?;
        }
        linker.define_unknown_imports_as_traps(&component)?;
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(NO_DEADLINE);
        let instance = linker.instantiate_async(&mut store, &component).await?;
        let prepare = prepare(&component)
            .ok_or_else(|| wasmtime::format_err!("it does not export `prepare`"))?;
        Ok(Self {
            store,
            instance,
            prepare,
        })
    }

    pub async fn batch(&mut self, message: &str, calls: u32) -> Result<Duration> {
        self.run(message, calls)
            .await
            .map_err(|error| anyhow!("the call without the host: {error:#}"))
    }

    async fn run(&mut self, message: &str, calls: u32) -> wasmtime::Result<Duration> {
        let prepare = self
            .instance
            .get_typed_func::<(Call<'_>, &str), Answer>(&mut self.store, &self.prepare)?;
        let began = Instant::now();
        for _ in 0..calls {
            let call = Call {
                connection: "AAAAAAAAAAAAAAAAAAAAAA",
                user: Some("alice"),
                method: "POST",
                endpoint: "room",
                received_at: 1,
                queued: false,
            };
            let (answer,) = prepare.call_async(&mut self.store, (call, message)).await?;
            if let Err(Rejection {
                code,
                message,
                details,
            }) = answer
            {
                wasmtime::bail!("rejected as {code}: {message} {details:?}");
            }
        }
        Ok(began.elapsed())
    }
}

/// What Rust's hash maps ask for once.
fn seed(component: &Component) -> Option<String> {
    component
        .component_type()
        .imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .find(|name| name.starts_with("wasi:random/insecure-seed@"))
}

/// Whatever version of the interface the component was built with.
fn prepare(component: &Component) -> Option<ComponentExportIndex> {
    let engine = component.engine();
    let interface = component
        .component_type()
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .find(|name| name.starts_with("hookcast:plugin/prepare@"))?;
    let interface = component.get_export_index(None, &interface)?;
    component.get_export_index(Some(&interface), "prepare")
}
