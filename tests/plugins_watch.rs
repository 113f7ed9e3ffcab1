//! `[plugins] watch = true`: complete files are loaded when they change, others are not.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, eventually, guests};

const CONFIG: &str = r#"
    [plugins]
    watch = true
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    setup.start().await
}

fn path(server: &TestServer, file: &str) -> PathBuf {
    server.folder().join("plugins").join(file)
}

async fn shown(server: &TestServer, plugin: &str) -> Option<Value> {
    let answer = server.api("GET", &format!("/api/plugins/{plugin}")).await;
    (answer.status == 200).then_some(answer.body)
}

/// What a load would change of a plugin. Its figures change by themselves.
async fn loaded(server: &TestServer, plugin: &str) -> [Value; 3] {
    let mut shown = shown(server, plugin).await.expect("the plugin");
    ["generation", "digest", "history"].map(|key| shown[key].take())
}

async fn version(server: &TestServer, plugin: &str, version: &str) -> Value {
    eventually(&format!("{plugin} {version}"), async || {
        let shown = shown(server, plugin).await?;
        (shown["version"] == version).then_some(shown)
    })
    .await
}

/// Waits until the server has seen everything that has happened to the folder: what is
/// renamed into it now is loaded behind that.
async fn settled(server: &TestServer, marker: &str) {
    let half = path(server, &format!(".{marker}"));
    fs::copy(guests::file("versioned-a"), &half).unwrap();
    fs::rename(half, path(server, &format!("{marker}.wasm"))).unwrap();
    version(server, marker, "0.1.0").await;
}

#[tokio::test]
async fn a_file_that_is_renamed_or_copied_into_place_is_loaded() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    let half = path(&server, "versioned.wasm.part");
    fs::copy(guests::file("versioned-b"), &half).unwrap();
    fs::rename(half, path(&server, "versioned.wasm")).unwrap();
    version(&server, "versioned", "0.2.0").await;
    client.acked(json!({"body": "one"})).await;
    assert_eq!(client.recv().await["p"], "b");
    fs::copy(guests::file("versioned-a"), path(&server, "versioned.wasm")).unwrap();
    version(&server, "versioned", "0.1.0").await;
    // As cargo does.
    let artefact = server.folder().join("artefact");
    fs::copy(guests::file("versioned-b"), &artefact).unwrap();
    fs::remove_file(path(&server, "versioned.wasm")).unwrap();
    fs::hard_link(artefact, path(&server, "versioned.wasm")).unwrap();
    version(&server, "versioned", "0.2.0").await;
    // A new name is loaded, and used when the config says so.
    fs::copy(guests::file("chat"), path(&server, "new.wasm")).unwrap();
    let new = eventually("the new plugin", async || shown(&server, "new").await).await;
    assert_eq!(new["endpoints"], json!([]));
}

#[tokio::test]
async fn a_file_is_not_loaded_before_it_is_closed() {
    let server = server().await;
    let before = loaded(&server, "versioned").await;
    let bytes = guests::bytes("versioned-b");
    let (one, two) = bytes.split_at(bytes.len() / 2);
    let mut file = File::create(path(&server, "versioned.wasm")).unwrap();
    file.write_all(one).unwrap();
    file.sync_all().unwrap();
    settled(&server, "first").await;
    assert_eq!(loaded(&server, "versioned").await, before, "half of it");
    file.write_all(two).unwrap();
    file.sync_all().unwrap();
    settled(&server, "second").await;
    assert_eq!(
        loaded(&server, "versioned").await,
        before,
        "all of it, but open"
    );
    drop(file);
    version(&server, "versioned", "0.2.0").await;
}

#[tokio::test]
async fn many_events_of_one_content_are_one_load() {
    let server = server().await;
    for number in 0..20 {
        let half = path(&server, &format!(".half-{number}"));
        fs::copy(guests::file("versioned-b"), &half).unwrap();
        fs::rename(half, path(&server, "versioned.wasm")).unwrap();
    }
    let loaded = version(&server, "versioned", "0.2.0").await;
    settled(&server, "marker").await;
    let now = shown(&server, "versioned").await.unwrap();
    assert_eq!(now["generation"], loaded["generation"]);
    // Nor is an upload, which writes the file, loaded a second time.
    let put = server.put_plugin("versioned", "versioned-a").await.ok();
    settled(&server, "another").await;
    let now = shown(&server, "versioned").await.unwrap();
    assert_eq!(now["generation"], put["generation"]);
}

#[tokio::test]
async fn a_file_that_does_not_load_leaves_the_old_one() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    for (package, word) in [("fails-describe", "on purpose"), ("no-hooks", "no hook")] {
        fs::copy(guests::file(package), path(&server, "versioned.wasm")).unwrap();
        server
            .log
            .with(&["ERROR", "versioned", "not loaded", word])
            .await;
        client.acked(json!({"body": package})).await;
        assert_eq!(client.recv().await["p"], "a");
    }
    let now = shown(&server, "versioned").await.unwrap();
    assert_eq!(now["failure"]["step"], "exports");
    let outside = server.folder().join("outside.wasm");
    fs::copy(guests::file("versioned-b"), &outside).unwrap();
    fs::remove_file(path(&server, "versioned.wasm")).unwrap();
    std::os::unix::fs::symlink(outside, path(&server, "versioned.wasm")).unwrap();
    server
        .log
        .with(&["ERROR", "versioned", "a link out of the plugins folder"])
        .await;
    client.acked(json!({"body": "a link"})).await;
    assert_eq!(client.recv().await["p"], "a");
    fs::remove_file(path(&server, "versioned.wasm")).unwrap();
    server.log.with(&["WARN", "versioned", "was removed"]).await;
    client.acked(json!({"body": "removed"})).await;
    assert_eq!(client.recv().await["p"], "a", "it serves on");
}

#[tokio::test]
async fn files_that_are_no_plugins_are_ignored() {
    let server = server().await;
    let before = loaded(&server, "versioned").await;
    for name in [
        ".versioned.wasm",
        ".versioned.wasm.swp",
        "versioned.wasm~",
        "versioned.wasm.tmp",
        "versioned.wasm.part",
        "#versioned.wasm#",
        "Versioned.wasm",
        "4913",
    ] {
        fs::copy(guests::file("versioned-b"), path(&server, name)).unwrap();
    }
    settled(&server, "marker").await;
    assert_eq!(loaded(&server, "versioned").await, before);
    let plugins = server.api("GET", "/api/plugins").await.ok();
    assert_eq!(plugins["plugins"].as_array().unwrap().len(), 2, "{plugins}");
}
