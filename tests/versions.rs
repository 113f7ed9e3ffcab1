//! Plugins that were built against earlier versions of `wit/` keep working.
//!
//! The files in tests/released/ are never rebuilt. What they import and export says which
//! version they were built against.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

fn released(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/released")
        .join(file)
}

/// A server whose plugin is this file.
async fn server(plugin: &str, file: &Path) -> TestServer {
    let config = format!(
        "[endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\ncolumns.name = \"TEXT\"\n\
         plugins = [\"{plugin}\"]\n"
    );
    Setup::new(&config).file_as(file, plugin).start().await
}

/// Versions of our package that a plugin imports.
async fn versions(server: &TestServer, plugin: &str) -> Vec<String> {
    let shown = server
        .api("GET", &format!("/api/plugins/{plugin}"))
        .await
        .ok();
    let imports = shown["imports"].as_array().expect("imports").iter();
    let ours = imports.filter_map(|import| import.as_str()?.strip_prefix("hookcast:plugin/"));
    let mut versions: Vec<_> = ours
        .filter_map(|import| Some(import.split_once('@')?.1.to_owned()))
        .collect();
    versions.dedup();
    versions
}

#[tokio::test]
async fn a_plugin_of_0_1_0_works_on_this_server() {
    let server = server("chat", &released("chat-0.1.0.wasm")).await;
    assert_eq!(versions(&server, "chat").await, ["0.1.0"]);
    let mut client = server.subscribe("/chat").await;
    // Each kind of hook it has: prepare, modify, a handler, open.
    client
        .acked(json!({"body": "  hello  ", "name": "Ann"}))
        .await;
    // The greeting of `open` comes when it is committed, in whatever order with history.
    let (_, heard) = client.recv_until(|frame| frame["body"].is_string()).await;
    assert_eq!(
        (&heard["body"], &heard["name"]),
        (&json!("hello"), &json!("Ann"))
    );
    assert_eq!(client.refused_with(json!({"body": ""})).await, "empty_body");
    client.send(json!({"_type": "ping"})).await;
    let (_, pong) = client.recv_until(|frame| frame["_type"] == "pong").await;
    assert_eq!(pong["_type"], "pong");

    // And it can be exchanged for one of today, and back.
    server.put_plugin("chat", "chat").await.ok();
    let today = versions(&server, "chat").await;
    assert!(today.iter().all(|version| version != "0.1.0"), "{today:?}");
    server.api("POST", "/api/plugins/chat/rollback").await.ok();
    assert_eq!(versions(&server, "chat").await, ["0.1.0"]);
    client.acked(json!({"body": "again"})).await;
}

/// Whatever was released loads, with the hooks it had.
#[tokio::test]
async fn every_released_build_loads() {
    let folder = released("");
    let files = std::fs::read_dir(&folder).expect("the released builds");
    let mut loaded = Vec::new();
    for file in files.map(|file| file.expect("a file").path()) {
        if file.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let stem = file.file_stem().expect("a name").to_string_lossy();
        let plugin = stem.split('-').next().expect("a name").to_owned();
        let server = server(&plugin, &file).await;
        let shown = server
            .api("GET", &format!("/api/plugins/{plugin}"))
            .await
            .ok();
        assert_ne!(shown["hooks"], Value::Null, "{}", file.display());
        loaded.push(stem.into_owned());
    }
    loaded.sort();
    assert!(loaded.contains(&"chat-0.1.0".to_owned()), "{loaded:?}");
    assert!(loaded.contains(&"moderate-0.1.0".to_owned()), "{loaded:?}");
}
