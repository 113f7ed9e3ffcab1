//! Plugins in JavaScript: one component runs them all.
//!
//! The component is QuickJS with the interfaces of `wit/` (`cargo xtask javascript`). It
//! exports every hook and imports every host function, so for a script hooks are what the
//! script exports, and grants are checked at each host call. A new instance is given the
//! script before anything else; guest-sdk/javascript/entry.js says what happens then.

use std::sync::Arc;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, Linker};
use wasmtime::{Store, StoreContextMut};

use super::inspect::{self, Outside};
use super::log::printable;
use super::state::State;

#[cfg(javascript_runtime)]
const RUNTIME: Option<&[u8]> = Some(include_bytes!("../../../guest-sdk/javascript/runtime.wasm"));
#[cfg(not(javascript_runtime))]
const RUNTIME: Option<&[u8]> = None;

/// What calls the script's hooks, and what the script can import.
const ENTRY: &str = include_str!("../../../guest-sdk/javascript/entry.js");
const SDK: &str = include_str!("../../../guest-sdk/javascript/hookcast.js");

/// Names of modules. Frames of those with a colon are left out of reports.
const ENTRY_NAME: &str = "hookcast:entry.js";
const SDK_NAME: &str = "hookcast:hookcast.js";

/// Interfaces that connect the runtime with this file, and are nothing a script can ask for.
const LOADER: &str = "local:init/module-loader";
const SHIM: &str = "hookcast:javascript/script";

/// Lines of a report that are shown.
const LINES: usize = 32;

/// A plugin's source.
#[derive(Debug)]
pub struct Script {
    /// The file's name, for stack traces.
    pub file: String,
    pub source: String,
}

/// The component that runs scripts.
pub struct Runtime {
    pub component: &'static [u8],
    pub digest: [u8; 32],
    pub outside: Outside,
}

/// A script that failed on its own: it threw, can't be read, or exports what it must not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScriptFailed(String);

/// What gives a new instance its script.
#[derive(Clone)]
pub struct Start {
    script: Arc<Script>,
    init: ComponentExportIndex,
}

/// The component that runs scripts, if this server has it.
pub fn runtime() -> Result<&'static Runtime, String> {
    static READ: LazyLock<Result<Runtime, String>> = LazyLock::new(|| {
        let component = RUNTIME.ok_or(
            "this server was built without its JavaScript runtime: run `cargo xtask javascript`, \
             then build it again",
        )?;
        let mut outside = inspect::outside(component)?;
        outside
            .imports
            .retain(|import| import != LOADER && import != SHIM);
        Ok(Runtime {
            component,
            digest: Sha256::digest(component).into(),
            outside,
        })
    });
    READ.as_ref().map_err(Clone::clone)
}

/// Defines what the runtime needs to find the script, and to say why it failed.
pub fn add_to_linker(linker: &mut Linker<State>, script: &Arc<Script>) -> wasmtime::Result<()> {
    let mut loader = linker.instance(LOADER)?;
    let file = script.file.clone();
    loader.func_wrap(
        "resolve",
        move |_: StoreContextMut<'_, State>, (_, name): (String, String)| {
            Ok((match &*name {
                "hookcast" => Ok(SDK_NAME.to_owned()),
                "hookcast:plugin-script" => Ok(file.clone()),
                _ => Err(format!(
                    "there is no module `{}`; a plugin is one file and can import `hookcast`",
                    printable(&name)
                )),
            },))
        },
    )?;
    let script = Arc::clone(script);
    loader.func_wrap(
        "load",
        move |_: StoreContextMut<'_, State>, (name,): (String,)| {
            Ok((match &*name {
                SDK_NAME => Ok(SDK.to_owned()),
                name if name == script.file => Ok(script.source.clone()),
                _ => Err(format!("there is no module `{}`", printable(&name))),
            },))
        },
    )?;
    linker.instance(SHIM)?.func_wrap(
        "fail",
        |_: StoreContextMut<'_, State>, (report,): (String,)| -> wasmtime::Result<()> {
            Err(ScriptFailed(shown(&report)).into())
        },
    )
}

impl Start {
    pub fn new(pre: &InstancePre<State>, script: Arc<Script>) -> wasmtime::Result<Self> {
        let init = pre.component().get_export_index(None, "init");
        let init = init.ok_or_else(|| wasmtime::format_err!("the runtime has no `init`"))?;
        Ok(Self { script, init })
    }

    /// Runs the script in a new instance, up to its exports.
    pub async fn run(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<()> {
        type Parameters<'a> = (&'a str, &'a str, Option<&'a str>, bool);
        let init = instance
            .get_typed_func::<Parameters<'_>, (Result<(), String>,)>(&mut *store, &self.init)?;
        let (done,) = init
            .call_async(store, ("", ENTRY, Some(ENTRY_NAME), false))
            .await?;
        // What a script throws comes by `fail`; the rest is a wait that nothing ends.
        done.map_err(|report| {
            let report = shown(&report);
            let problem = "its top level waits for what never comes (`await`)";
            ScriptFailed(format!("{problem}: {report}")).into()
        })
    }
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Start").field(&self.script.file).finish()
    }
}

/// A guest's report as it may be printed: lines stay lines.
fn shown(report: &str) -> String {
    let lines: Vec<_> = report.trim().lines().take(LINES).map(printable).collect();
    lines.join("\n")
}
