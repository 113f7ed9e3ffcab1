//! Plugins that can't be loaded: the old generation serves on, and the answer says which
//! step failed and why.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, guests};

const CONFIG: &str = r#"
    [plugins.versioned.limits]
    component = "1 MiB"
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

fn truncated(bytes: &[u8], keep: usize) -> Vec<u8> {
    bytes[..keep].to_vec()
}

/// Candidates that must fail, with the step and a word of the reason.
fn candidates() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let good = guests::bytes("versioned-b");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let mut padded = good.clone();
    padded.resize((1 << 20) + 1, 0);
    vec![
        ("empty", Vec::new(), "format", "WebAssembly"),
        (
            "not wasm",
            b"#!/bin/sh\n\xff\n".to_vec(),
            "format",
            "WebAssembly",
        ),
        ("magic only", b"\0asm".to_vec(), "format", ""),
        ("half", truncated(&good, good.len() / 2), "format", ""),
        (
            "all but a byte",
            truncated(&good, good.len() - 1),
            "format",
            "",
        ),
        // Where it is noticed depends on which bits.
        ("flipped bits", flipped, "", ""),
        ("too large", padded, "digest", "limits.component"),
        ("no hooks", guests::bytes("no-hooks"), "exports", "hook"),
        (
            "foreign",
            guests::bytes("foreign"),
            "exports",
            "example:foreign/greeter",
        ),
        (
            "fails describe",
            guests::bytes("fails-describe"),
            "instantiate",
            "describe fails on purpose",
        ),
        (
            "duplicate handlers",
            guests::bytes("duplicate-handlers"),
            "describe",
            "twice",
        ),
        (
            "ungranted import",
            guests::bytes("ungranted"),
            "imports",
            "hookcast:nothing/here",
        ),
    ]
}

/// Proves that generation `a` serves.
async fn serves_on(server: &TestServer, after: &str) {
    let mut client = server.connect("/chat?_after=").await;
    client.history().await;
    client.acked(json!({"body": after})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["p"], &event["m"]),
        (&json!("a"), &json!("a")),
        "after {after}"
    );
}

#[tokio::test]
async fn a_failing_candidate_leaves_the_old_generation() {
    let server = server().await;
    let before = server.api("GET", "/api/plugins/versioned").await.ok();
    for (name, bytes, step, word) in candidates() {
        let answer = server
            .api_with("PUT", "/api/plugins/versioned", bytes)
            .await;
        let (code, message) = answer.refused(422);
        assert_eq!(code, "load_failed", "{name}: {message}");
        assert!(
            message.contains(&format!("step {step}")),
            "{name} fails at {step}: {message}"
        );
        assert!(message.contains(word), "{name}: {message}");
        assert!(message.contains("versioned"), "{name}: {message}");
        serves_on(&server, name).await;
        let now = server.api("GET", "/api/plugins/versioned").await.ok();
        assert_eq!(
            (&now["generation"], &now["digest"]),
            (&before["generation"], &before["digest"]),
            "{name}"
        );
        let shown = now["failure"]["message"].as_str().unwrap_or_default();
        assert!(
            shown.contains(&format!("step {step}")),
            "the failure is shown: {now}"
        );
    }
    let file = server.folder().join("plugins/versioned.wasm");
    assert_eq!(
        std::fs::read(file).unwrap(),
        guests::bytes("versioned-a"),
        "the file is as it was"
    );
    let done = server.put_plugin("versioned", "versioned-b").await.ok();
    assert_eq!(done["version"], "0.2.0", "and a good one still loads");
    let now = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(now["failure"], Value::Null);
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_generation_on_reload() {
    let server = server().await;
    let file = server.folder().join("plugins/versioned.wasm");
    std::fs::write(&file, b"half an upl").unwrap();
    let (_, message) = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .refused(422);
    assert!(message.contains("step format"), "{message}");
    serves_on(&server, "a broken file").await;
    std::fs::remove_file(&file).unwrap();
    let (_, message) = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .refused(422);
    assert!(message.contains("step read"), "{message}");
    serves_on(&server, "a missing file").await;
}

#[tokio::test]
async fn failing_uploads_under_a_new_name_leave_nothing() {
    let server = server().await;
    for (name, bytes, ..) in candidates().into_iter().filter(|one| one.0 != "too large") {
        let answer = server.api_with("PUT", "/api/plugins/fresh", bytes).await;
        answer.refused(422);
        assert_eq!(
            server.api("GET", "/api/plugins/fresh").await.status,
            404,
            "{name}"
        );
    }
    let left = std::fs::read_dir(server.folder().join("plugins"))
        .unwrap()
        .count();
    assert_eq!(left, 1, "no files");
}

#[tokio::test]
async fn a_server_does_not_start_with_a_plugin_that_fails() {
    for (package, word) in [
        ("no-hooks", "hook"),
        ("foreign", "example:foreign/greeter"),
        ("fails-describe", "describe fails on purpose"),
        ("ungranted", "hookcast:nothing/here"),
    ] {
        let server = Setup::new(CONFIG).guest_as(package, "versioned").prepare();
        let output = server.command().output().expect("the server's output");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{package}: {said}");
        assert!(
            said.contains(word) && said.contains("versioned"),
            "{package}: {said}"
        );
    }
}

#[tokio::test]
async fn a_broken_plugin_that_nobody_uses_is_no_reason_not_to_start() {
    let setup = Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .guest("ungranted");
    let server = setup.start().await;
    serves_on(&server, "the start").await;
    let shown = server.api("GET", "/api/plugins/ungranted").await.ok();
    assert_eq!(shown["failure"]["step"], "imports", "{shown}");
    server
        .log
        .with(&["ungranted", "hookcast:nothing/here"])
        .await;
}
