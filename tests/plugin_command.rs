//! `hookcast plugin`: a newcomer's first plugin, in each language.

use serde_json::json;
use tempfile::TempDir;

use crate::support::command::{complaint, hookcast};
use crate::support::{Setup, guests, require};

/// A new plugin's folder, built.
fn built(language: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let next = hookcast(
        folder.path(),
        &["plugin", "new", "hello", "--lang", language],
    );
    assert!(next.contains("hookcast serve"), "{next}");
    hookcast(folder.path(), &["plugin", "build", "hello"]);
    let tested = hookcast(folder.path(), &["plugin", "test", "hello"]);
    assert_eq!(tested, "ok   message.json\nok   rejected.json\n");
    folder
}

/// Serves the plugin that was made, and uses it.
async fn try_it(language: &str) {
    let folder = built(language);
    // Its own config, but for the addresses.
    let config = std::fs::read_to_string(folder.path().join("config/hookcast.toml"));
    let config = config.expect("a config");
    let from = config.find("[endpoints").expect("an endpoint");
    let plugins = folder.path().join("plugins");
    let file = ["hello.js", "hello.wasm"].map(|file| plugins.join(file));
    let file = file.iter().find(|file| file.is_file()).expect("a plugin");
    let server = Setup::new(&config[from..]).file(file).start().await;
    let mut client = server.subscribe("/hello").await;
    client.acked(json!({"body": "  hi  "})).await;
    assert_eq!(client.recv().await["body"], "hi", "{language}");
    assert_eq!(client.refused_with(json!({"body": " "})).await, "empty");
    client.send(json!({"_type": "hello", "name": "Ann"})).await;
    assert_eq!(client.recv().await["greeting"], "Hello Ann.", "{language}");
}

#[tokio::test]
async fn a_new_plugin_works_in_rust() {
    if require::or_skip("a new plugin in Rust", require::wasm_target()) {
        try_it("rust").await;
    }
}

#[tokio::test]
async fn a_new_plugin_works_in_javascript() {
    if require::or_skip("a new plugin in JavaScript", guests::runtime_missing()) {
        try_it("js").await;
    }
}

#[tokio::test]
async fn a_new_plugin_works_in_python() {
    if require::or_skip("a new plugin in Python", guests::missing("chat-py")) {
        try_it("python").await;
    }
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    hookcast(folder.path(), &["plugin", "new", "one", "--lang", "js"]);
    // A second one goes into the same server.
    let next = hookcast(folder.path(), &["plugin", "new", "two", "--lang", "js"]);
    assert!(next.contains("add \"two\" to the `plugins`"), "{next}");
    let config = std::fs::read_to_string(folder.path().join("config/hookcast.toml")).unwrap();
    assert!(!config.contains("two"), "{config}");
    let again = complaint(folder.path(), &["plugin", "new", "one", "--lang", "rust"]);
    assert!(again.contains("already"), "{again}");
    let nobody = complaint(folder.path(), &["plugin", "build", "nobody"]);
    assert!(nobody.contains("plugin new nobody"), "{nobody}");
    let outside = complaint(folder.path(), &["plugin", "new", "../x", "--lang", "js"]);
    assert!(outside.contains("small letters"), "{outside}");
}

#[test]
fn a_plugin_that_does_not_build_says_why() {
    if !require::or_skip("a broken plugin in Rust", require::wasm_target()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    hookcast(folder.path(), &["plugin", "new", "hello", "--lang", "rust"]);
    let source = folder.path().join("plugins/hello/src/lib.rs");
    std::fs::write(&source, "compile_error!(\"not today\");").unwrap();
    let why = complaint(folder.path(), &["plugin", "build", "hello"]);
    assert!(why.contains("not today"), "{why}");
    assert!(!folder.path().join("plugins/hello.wasm").exists());
}
