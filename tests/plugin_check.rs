//! `hookcast plugin check`: what a server would say, without a server.

use std::fs;
use std::path::Path;

use crate::support::command::{complaint, hookcast};
use crate::support::{guests, require};

/// A folder with a guest as `plugins/relay.wasm` and this config.
fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("plugins")).expect("a folder");
    fs::create_dir_all(folder.path().join("config")).expect("a folder");
    fs::copy(
        guests::file("relay"),
        folder.path().join("plugins/relay.wasm"),
    )
    .expect("a copy");
    write_config(folder.path(), config);
    folder
}

fn write_config(folder: &Path, config: &str) {
    fs::write(folder.join("config/hookcast.toml"), config).expect("a config");
}

#[test]
fn a_plugin_is_described_with_what_each_grant_is_for() {
    // An endpoint with a plugin that is not there must not be in the way.
    let folder = folder(
        "[plugins.relay]\ngrants = ['rows:read', 'kv']\n\
         [endpoints.chat]\npath = '/chat'\nplugins = ['not-built-yet']\n",
    );
    let said = hookcast(folder.path(), &["plugin", "check", "relay"]);
    for words in [
        "can be loaded",
        "hooks     connect, open",
        "rows:read, used: it imports `hookcast:plugin/rows@0.1",
        "kv, not used",
        "`limits.component` is",
        "wit       hookcast:plugin@0.1.",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn missing_grants_come_with_what_to_write() {
    let folder = folder("[plugins.relay]\ngrants = ['publish:x']\n");
    // By its file, which is anywhere.
    let said = complaint(folder.path(), &["plugin", "check", "plugins/relay.wasm"]);
    assert!(said.contains("step imports"), "{said}");
    let remedy = "[plugins.relay]\ngrants = [\"publish:x\", \"rows:read\"]";
    assert!(said.contains(remedy), "{said}");
    // And what it says helps.
    write_config(folder.path(), remedy);
    hookcast(folder.path(), &["plugin", "check", "relay"]);

    write_config(
        folder.path(),
        "[plugins.relay.limits]\ncomponent = '1 KiB'\n",
    );
    let said = complaint(folder.path(), &["plugin", "check", "relay"]);
    assert!(said.contains("`limits.component`"), "{said}");
    write_config(folder.path(), "[plugins.relay]\ngrants = ['all']\n");
    let said = complaint(folder.path(), &["plugin", "check", "relay"]);
    assert!(said.contains("hookcast.toml:2:"), "{said}");
}

#[test]
fn a_script_is_checked_up_to_its_last_line() {
    if !require::or_skip("a checked script", guests::runtime_missing()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let check = ["plugin", "check", "hello"];
    hookcast(folder.path(), &["plugin", "new", "hello", "--lang", "js"]);
    let said = hookcast(folder.path(), &check);
    assert!(said.contains("hooks     prepare, handlers"), "{said}");
    assert!(said.contains("types     hello"), "{said}");
    let script = folder.path().join("plugins/hello.js");
    fs::write(script, "export function prepare() {\n  return {;\n}\n").expect("a script");
    let said = complaint(folder.path(), &check);
    assert!(said.contains("hello.js:2"), "{said}");
}
