//! Files that lie in the plugins folder, and names that want to leave it.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::support::{Setup, TestServer, guests};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await
}

/// Generation `a` still serves.
async fn serves_on(server: &TestServer) {
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "on"})).await;
    assert_eq!(client.recv().await["p"], "a");
}

/// A reload that fails; the message says why.
async fn refused(server: &TestServer, step: &str) -> String {
    let answer = server.api("POST", "/api/plugins/versioned/reload").await;
    let (_, message) = answer.refused(422);
    assert!(message.contains(&format!("step {step}")), "{message}");
    serves_on(server).await;
    message
}

#[tokio::test]
async fn a_link_may_lead_within_the_folder_but_not_out_of_it() {
    let server = server().await;
    let plugins = server.folder().join("plugins");
    let file = plugins.join("versioned.wasm");
    let outside = server.folder().join("outside.wasm");
    std::fs::copy(guests::file("versioned-b"), &outside).unwrap();
    for target in [outside.as_path(), "../outside.wasm".as_ref()] {
        std::fs::remove_file(&file).unwrap();
        symlink(target, &file).unwrap();
        let message = refused(&server, "read").await;
        for word in ["link out of the plugins folder", "outside.wasm", "copy"] {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
    // As a folder is laid out whose versions are exchanged by one link.
    std::fs::create_dir(plugins.join("..data")).unwrap();
    std::fs::rename(&outside, plugins.join("..data/versioned.wasm")).unwrap();
    std::fs::remove_file(&file).unwrap();
    symlink("..data/versioned.wasm", &file).unwrap();
    let done = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .ok();
    assert_eq!(done["version"], "0.2.0");
    // An upload replaces the link, not what it leads to.
    server.put_plugin("versioned", "versioned-a").await.ok();
    assert!(!file.is_symlink());
    let data = std::fs::read(plugins.join("..data/versioned.wasm")).unwrap();
    assert_eq!(data, guests::bytes("versioned-b"));
}

#[tokio::test]
async fn what_is_no_file_is_not_read() {
    let server = server().await;
    let file = server.folder().join("plugins/versioned.wasm");
    std::fs::remove_file(&file).unwrap();
    let made = Command::new("mkfifo").arg(&file).status();
    assert!(made.is_ok_and(|status| status.success()));
    let message = refused(&server, "read").await;
    assert!(message.contains("no regular file"), "{message}");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refused(&server, "read").await;
}

#[tokio::test]
async fn half_written_files_are_no_plugins() {
    let server = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    let mut server = server.prepare();
    let plugins = server.folder().join("plugins");
    let whole = guests::bytes("versioned-b");
    let half = &whole[..whole.len() / 2];
    for name in [".versioned.0011.tmp", ".other.wasm", "other.wasm.tmp"] {
        std::fs::write(plugins.join(name), half).unwrap();
    }
    server.start().await;
    let list = server.api("GET", "/api/plugins").await.ok();
    let list = list["plugins"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:?}");
    std::fs::write(plugins.join("versioned.wasm"), half).unwrap();
    let message = refused(&server, "format").await;
    assert!(message.contains("cut off"), "{message}");
}

#[tokio::test]
async fn names_are_checked_before_they_are_paths() {
    let server = server().await;
    let long = "a".repeat(64);
    for name in [
        "../escape",
        "..%2fescape",
        "..%2Fescape",
        "%2e%2e%2fescape",
        "%2e%2e/escape",
        "%2Ftmp%2Fescape",
        "/tmp/escape",
        "..%5cescape",
        "",
        ".",
        "..",
        "%2e",
        &long,
        "Escape",
        "escape%00",
        "escape%0a",
        "escape.wasm",
        "esc%c3%a4pe",
    ] {
        for (method, after) in [
            ("PUT", ""),
            ("POST", "/reload"),
            ("DELETE", ""),
            ("GET", ""),
        ] {
            let path = format!("/api/plugins/{name}{after}");
            let bytes = guests::bytes("versioned-b");
            // What is no plugin's address is answered before its body is read.
            let routed = !name.is_empty() && !name.contains('/');
            let body = if method == "PUT" && routed {
                bytes
            } else {
                Vec::new()
            };
            let answer = server.api_with(method, &path, body).await;
            // Some are no plugin's address, and so another one's or nobody's.
            let listing = method == "GET" && name.is_empty();
            assert!(
                listing || [400, 404, 405, 422].contains(&answer.status),
                "{method} {path:?}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
    let entries = |folder: &str| {
        let folder = std::fs::read_dir(server.folder().join(folder)).unwrap();
        let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(entries("plugins"), ["versioned.wasm"]);
    assert_eq!(entries("."), ["data", "hookcast.toml", "plugins"]);
    assert!(!std::path::Path::new("/tmp/escape.wasm").exists());
    serves_on(&server).await;
    let longest = "a".repeat(63);
    server.put_plugin(&longest, "versioned-b").await.ok();
}
