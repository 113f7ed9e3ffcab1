//! Host functions: one file an interface.
//!
//! [`linker`] defines what is always granted and what the plugin's grants add; what it
//! does not define, no guest can reach. [`offered`] is the same list by name, for
//! errors at load.

use std::sync::Arc;

use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

use super::bindings::{hookcast::plugin, wasi};
use super::grant::Grant;
use super::script::{self, Script};
use super::settings::PluginSettings;
use super::state::State;
use super::surroundings::HostError;

mod alerts;
mod config;
mod context;
mod groups;
pub mod http;
pub mod keyvalue;
mod kv;
mod logging;
mod messaging;
mod rows;

/// Interfaces that every plugin may import, without version: what wasip2 guests need of
/// WASI (in an empty context), and the host functions that need no grant.
///
/// Sockets are among them because Python's runtime imports them whatever a plugin does.
/// The empty context has no network: each attempt is answered with access-denied.
pub const ALWAYS: &[&str] = &[
    "hookcast:plugin/types",
    "hookcast:plugin/context",
    "hookcast:plugin/messaging",
    "hookcast:plugin/groups",
    "wasi:logging/logging",
    "wasi:config/store",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The interface that needs one of the `rows` grants.
pub const ROWS: &str = "hookcast:plugin/rows";

/// The interfaces that need an `http:HOST` grant.
pub const HTTP: &[&str] = &["wasi:http/types", "wasi:http/outgoing-handler"];

/// The interface that needs the grant `alerts`.
pub const ALERTS: &str = "hookcast:plugin/alerts";

/// Whether these settings grant anything of `rows`.
pub fn rows_granted(settings: &PluginSettings) -> bool {
    settings.granted(&Grant::RowsRead) || settings.granted(&Grant::RowsWrite)
}

/// The interfaces that need the grant `kv`.
pub const KV: &[&str] = &[
    "hookcast:plugin/kv",
    "wasi:keyvalue/store",
    "wasi:keyvalue/atomics",
    "wasi:keyvalue/batch",
];

/// A linker with what the settings grant and nothing else. For a script it has all that
/// the runtime imports: there each function checks its grant when it is called.
pub fn linker(
    engine: &wasmtime::Engine,
    settings: &PluginSettings,
    script: Option<&Arc<Script>>,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasi(&mut linker)?;
    let l = &mut linker;
    plugin::types::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    plugin::context::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    plugin::messaging::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    plugin::groups::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    wasi::logging::logging::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    wasi::config::store::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    if script.is_some() || rows_granted(settings) {
        plugin::rows::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    }
    if script.is_some() || settings.granted(&Grant::Kv) {
        plugin::kv::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
        wasi::keyvalue::store::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
        wasi::keyvalue::atomics::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
        wasi::keyvalue::batch::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    }
    if script.is_some() || settings.granted(&Grant::Alerts) {
        plugin::alerts::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    }
    if let Some(script) = script {
        script::add_to_linker(l, script)?;
    }
    if settings.grants_http() {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    }
    Ok(linker)
}

/// The part of WASI that a locked-down context can serve, interface by interface: what a
/// later `wasmtime_wasi` adds is not granted unseen.
fn wasi(l: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets};

    io::error::add_to_linker::<State, Io>(l, |s| s.ctx().table)?;
    io::poll::add_to_linker::<State, Io>(l, |s| s.ctx().table)?;
    io::streams::add_to_linker::<State, Io>(l, |s| s.ctx().table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |s| s.ctx().ctx.random())?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)?;
    let network = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<State, WasiSockets>(l, &network, State::sockets)?;
    sockets::instance_network::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::tcp::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::udp::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<State, WasiSockets>(l, State::sockets)?;
    Ok(())
}

/// How `wasi:io` reaches its handles.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

impl plugin::types::Host for State {}

impl From<HostError> for plugin::types::Error {
    fn from(error: HostError) -> Self {
        Self {
            code: error.code.to_owned(),
            message: error.message,
        }
    }
}

/// What host functions return to guests.
type Answer<T> = Result<T, plugin::types::Error>;
