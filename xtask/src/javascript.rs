//! `cargo xtask javascript`: the one component that runs every plugin in JavaScript.
//!
//! It is a QuickJS that others have built for WebAssembly, linked with the interfaces of
//! `wit/`. The host includes it in its binary and gives each instance a script.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER;
use wit_component::{Linker, StringEncoding};
use wit_parser::Resolve;

use crate::{process, wasm, workspace};

pub mod types;

/// The crate that has the runtime, as in guest-sdk/javascript/fetch/Cargo.toml.
const CRATE: &str = "componentize-qjs";
/// Its build without component-model-async, which the host does not run.
const RUNTIME: &str = "prebuilt/runtime-sync.wasm";
/// What that file must be: nothing else of the crate is used, and no lock file pins it.
const SHA256: &str = "25703f010b80efb806f9c35daf9ee6524ad60320c9781b0bae4e234264f8dac5";

pub fn run() -> Result<()> {
    make()?;
    println!("{}", file().display());
    Ok(())
}

/// Makes the component if it is missing or older than what it is made of. Where that
/// can't be done it says so, and returns why: a server without it refuses scripts and runs
/// everything else.
pub fn ensure() -> Option<String> {
    let fresh = match is_fresh() {
        Ok(true) => return None,
        Ok(false) => make(),
        Err(error) => Err(error),
    };
    let why = format!("{:#}", fresh.err()?);
    let effect = if file().exists() {
        "The one of an earlier `wit/` is used"
    } else {
        "Plugins in JavaScript won't run in what is built now; all else will"
    };
    eprintln!(
        "\n\
         ************************************************************************\n\
         The JavaScript runtime can't be made: {why}.\n\
         {effect}. `cargo xtask javascript` tries it again.\n\
         ************************************************************************\n"
    );
    Some(why)
}

/// Where the host's build looks for it.
fn file() -> PathBuf {
    folder().join("runtime.wasm")
}

fn folder() -> PathBuf {
    workspace::root().join("guest-sdk/javascript")
}

fn is_fresh() -> Result<bool> {
    let Ok(made) = fs::metadata(file()).and_then(|about| about.modified()) else {
        return Ok(false);
    };
    let linked = [
        workspace::root().join("wit"),
        folder().join("fetch/Cargo.toml"),
        workspace::root().join("xtask/src/javascript.rs"),
    ];
    for source in linked {
        if newest(&source)? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When a file, or any in a folder, was written last.
fn newest(path: &Path) -> Result<SystemTime> {
    let mut newest = fs::metadata(path)
        .and_then(|about| about.modified())
        .with_context(|| format!("can't read {}", path.display()))?;
    if path.is_dir() {
        for entry in wasm::entries(path)? {
            newest = newest.max(self::newest(&entry)?);
        }
    }
    Ok(newest)
}

fn make() -> Result<()> {
    let component = link(&runtime()?).context("the JavaScript runtime can't be linked")?;
    let half = file().with_extension("wasm.part");
    fs::write(&half, component)
        .and_then(|()| fs::rename(&half, file()))
        .with_context(|| format!("can't write {}", file().display()))
}

/// The runtime from the crate's sources, which cargo downloads.
fn runtime() -> Result<Vec<u8>> {
    let mut metadata = process::cargo("metadata --format-version 1");
    metadata.current_dir(folder().join("fetch"));
    let metadata = process::read(&mut metadata)
        .with_context(|| format!("cargo can't get the crate {CRATE}"))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package["name"] == CRATE)
        .and_then(|package| package["manifest_path"].as_str())
        .with_context(|| format!("cargo does not know the crate {CRATE}"))?;
    let file = Path::new(manifest).with_file_name(RUNTIME);
    let runtime = fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
    let digest: String = Sha256::digest(&runtime)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ensure!(
        digest == SHA256,
        "{} is not the file that was reviewed (SHA-256 {digest})",
        file.display()
    );
    Ok(runtime)
}

/// Links the runtime with the world of `wit/`, and with the one function more that lets
/// the shim end an instance with a report.
fn link(runtime: &[u8]) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (plugin, _) = resolve.push_path(workspace::root().join("wit"))?;
    let name = &resolve.packages[plugin].name;
    let Some(version) = &name.version else {
        bail!("the package {name} in wit/ has no version");
    };
    let world = format!(
        "package hookcast:javascript;
         interface script {{ fail: func(report: string); }}
         world runtime {{ include hookcast:plugin/plugin@{version}; import script; }}"
    );
    let package = resolve.push_str("runtime.wit", &world)?;
    let world = resolve.select_world(&[package], Some("runtime"))?;

    let mut interfaces = wit_dylib::create(&resolve, world, None);
    let encoding = StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut interfaces, &resolve, world, encoding)?;

    let mut linker = Linker::default();
    linker.encoder().validate(true);
    linker.library("quickjs.wasm", runtime, false)?;
    linker.library("interfaces.wasm", &interfaces, false)?;
    linker
        .encoder()
        .adapter("wasi_snapshot_preview1", ADAPTER)?;
    linker.encode()
}
