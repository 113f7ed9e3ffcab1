//! Machine code of a component: from the cache, or from the compiler.
//!
//! Compiling is the one thing a plugin makes the server do that no deadline ends: a file
//! of a few megabytes can keep Cranelift busy for minutes, and take gigabytes. So the
//! server compiles in a child process that has limits and can be killed.
//!
//! The child protects the server from what compiling uses up, and from a compiler that
//! crashes. It does not protect it from a compiler that a plugin has talked into making
//! wrong code: that code runs in the server wherever it was made.

mod child;
mod confine;
mod inside;
#[cfg(target_os = "linux")]
mod system_calls;

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Component;

use super::cache::{CompileCache, MachineCode};
use super::limits::Limits;
use child::Children;
pub use child::exit as compile_exit;
pub use inside::{Failure as CompileFailure, Order as CompileOrder, run as compile_here};

/// Where components are compiled.
#[derive(Debug, Clone)]
pub struct Compiler(Place);

#[derive(Debug, Clone)]
enum Place {
    ThisProcess,
    Child(Arc<Children>),
}

impl Compiler {
    /// Compiles in this process, with no limit: for tools that run by themselves, and for
    /// tests.
    pub fn in_this_process() -> Self {
        Self(Place::ThisProcess)
    }

    /// Compiles in child processes of this very executable.
    pub fn in_a_child() -> std::io::Result<Self> {
        // The kernel's own link leads to the file that runs, even after a package upgrade
        // has put another one in its place.
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Self::in_a_child_of(program))
    }

    /// Compiles in child processes of a `hookcast` executable, by its absolute path. It must
    /// be of this version.
    pub fn in_a_child_of(program: PathBuf) -> Self {
        Self(Place::Child(Arc::new(Children::new(program))))
    }

    /// A component's machine code for the engine, and whether it came from the cache.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the component, or which limit it exceeds.
    pub async fn component(
        &self,
        engine: &wasmtime::Engine,
        cache: Option<Arc<CompileCache>>,
        digest: [u8; 32],
        wasm: Vec<u8>,
        limits: &Limits,
    ) -> Result<(Component, bool), String> {
        if let Some(cache) = &cache {
            if let Some(component) = cache.recent(engine, &digest) {
                return Ok((component, true));
            }
            let (files, engine) = (Arc::clone(cache), engine.clone());
            let cached = off_thread(move || files.load(&engine, &digest)).await?;
            if let Some(component) = cached {
                cache.remember(digest, &component);
                return Ok((component, true));
            }
        }
        let code = self.compile(engine, wasm, limits).await?;
        let engine = engine.clone();
        let loaded = off_thread(move || {
            let component = code.load(&engine);
            if let Some(cache) = cache {
                if let Err(error) = cache.store(&engine, &digest, &code) {
                    tracing::warn!("compiled code of a plugin was not cached: {error}");
                }
                if let Ok(component) = &component {
                    cache.remember(digest, component);
                }
            }
            component
        });
        match loaded.await? {
            Ok(component) => Ok((component, false)),
            Err(error) => Err(format!("its machine code can't be loaded: {error:#}")),
        }
    }

    async fn compile(
        &self,
        engine: &wasmtime::Engine,
        wasm: Vec<u8>,
        limits: &Limits,
    ) -> Result<MachineCode<'static>, String> {
        let bytes = match &self.0 {
            Place::ThisProcess => {
                let engine = engine.clone();
                let compiled = off_thread(move || engine.precompile_component(&wasm)).await?;
                compiled.map_err(|error| format!("{error:#}"))?
            }
            Place::Child(children) => children.compile(engine, &wasm, limits).await?,
        };
        Ok(MachineCode::from_compiler(bytes))
    }
}

/// Does what takes long where no socket waits for it.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| format!("the compiler failed: {error}"))
}
