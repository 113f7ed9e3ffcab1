//! `POST /api/reload`: a changed config is applied whole or not at all.

use serde_json::json;

use crate::support::load::{Load, Loss};
use crate::support::{Setup, TestServer, database};

const CONFIG: &str = r#"
    [plugins.moderate]
    config = { words = "spam" }
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["moderate"]
    [endpoints.plain]
    path = "/plain"
    columns.body = "TEXT"
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest("moderate").guest("chat");
    setup.guest_as("versioned-a", "versioned").start().await
}

#[tokio::test]
async fn settings_plugins_and_limits_change_under_open_sockets() {
    let server = server().await;
    let mut chat = server.subscribe("/chat").await;
    let mut plain = server.subscribe("/plain").await;
    assert_eq!(
        chat.refused_with(json!({"body": "spam"})).await,
        "blocked_word"
    );
    let changed = CONFIG.replace("spam", "eggs").replace(
        "path = \"/plain\"",
        "path = \"/plain\"\nplugins = [\"versioned\"]\nmessage_limit = \"1 KiB\"",
    );
    server.write_config(&changed);
    let done = server.api("POST", "/api/reload").await.ok();
    assert_eq!(
        done,
        json!({"applied": true, "restart_needed": [], "endpoints": ["chat", "plain"]})
    );
    chat.acked(json!({"body": "spam"})).await;
    assert_eq!(
        chat.refused_with(json!({"body": "eggs"})).await,
        "blocked_word"
    );
    plain.acked(json!({"body": "one"})).await;
    assert_eq!(
        plain.recv().await["p"],
        "a",
        "plugins of open sockets change, too"
    );
    let mut new = server.connect("/plain").await;
    new.recv().await;
    new.send(json!({"body": "x".repeat(1024)})).await;
    assert_eq!(new.recv().await["_error"]["code"], "too_large");
}

#[tokio::test]
async fn endpoints_come_and_go() {
    let server = server().await;
    let mut chat = server.subscribe("/chat").await;
    let mut plain = server.subscribe("/plain").await;
    let without = CONFIG.split("[endpoints.plain]").next().unwrap();
    server.write_config(&format!(
        "{without}\n[endpoints.new]\npath = \"/new\"\ncolumns.body = \"TEXT\""
    ));
    let done = server.api("POST", "/api/reload").await.ok();
    assert_eq!(done["endpoints"], json!(["chat", "new"]));
    assert_eq!(plain.closed().await.0, 4410, "its endpoint is no more");
    assert_eq!(server.refused("/plain", &[]).await.0, 404);
    chat.is_alive().await;
    let mut new = server.subscribe("/new").await;
    new.acked(json!({"body": "stored"})).await;
    server.write_config(CONFIG);
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(new.closed().await.0, 4410);
    server
        .subscribe("/plain")
        .await
        .acked(json!({"body": "back"}))
        .await;
}

#[tokio::test]
async fn paths_move() {
    let server = server().await;
    let mut old = server.subscribe("/plain").await;
    server.write_config(&CONFIG.replace("path = \"/plain\"", "path = \"/moved/{where}\""));
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(server.refused("/plain", &[]).await.0, 404);
    let mut new = server.subscribe("/moved/here").await;
    old.acked(json!({"body": "one"})).await;
    assert_eq!(
        new.recv().await["body"],
        "one",
        "who was connected stays on the same endpoint"
    );
}

#[tokio::test]
async fn keys_that_need_a_restart_are_named_and_nothing_is_applied() {
    let server = server().await;
    let changed = CONFIG.replace("spam", "eggs").replace(
        "path = \"/plain\"\n    columns.body = \"TEXT\"",
        "path = \"/plain\"\ncolumns.late = \"TEXT\"\ndurability = \"process\"",
    );
    assert_ne!(changed, CONFIG.replace("spam", "eggs"));
    server.write_config(&changed);
    let done = server.api("POST", "/api/reload").await.ok();
    assert_eq!(done["applied"], false);
    assert_eq!(
        done["restart_needed"],
        json!(["endpoints.plain.columns", "endpoints.plain.durability"])
    );
    let mut chat = server.connect("/chat?_after=").await;
    assert_eq!(
        chat.refused_with(json!({"body": "spam"})).await,
        "blocked_word",
        "as before"
    );
    chat.acked(json!({"body": "eggs"})).await;
}

#[tokio::test]
async fn a_config_with_an_error_changes_nothing() {
    let server = server().await;
    let errors = [
        (
            "plugins = [\"moderate\"]",
            "plugins = [\"nobody\"]",
            "nobody",
        ),
        (
            "plugins = [\"moderate\"]",
            "plugin = [\"moderate\"]",
            "plugins",
        ),
        ("path = \"/plain\"", "path = \"/chat\"", "/chat"),
        (
            "[endpoints.plain]",
            "[endpoints.plain]\ntable = \"chat\"",
            "table",
        ),
        ("[endpoints.plain]", "[endpoints.plain", ""),
    ];
    for (right, wrong, word) in errors {
        let broken = CONFIG.replace("spam", "eggs").replace(right, wrong);
        server.write_config(&broken);
        let (code, message) = server.api("POST", "/api/reload").await.refused(422);
        assert_eq!(code, "bad_config", "{wrong}: {message}");
        assert!(
            message.contains("hookcast.toml:"),
            "file and line: {message}"
        );
        assert!(message.contains(word), "{wrong}: {message}");
        let mut chat = server.connect("/chat?body=-").await;
        assert_eq!(
            chat.refused_with(json!({"body": "spam"})).await,
            "blocked_word",
            "{wrong}"
        );
    }
    server.write_config(CONFIG);
    assert_eq!(
        server.api("POST", "/api/reload").await.ok()["applied"],
        true,
        "and it is not stuck"
    );
}

#[tokio::test]
async fn a_plugin_that_does_not_load_changes_nothing() {
    let server = server().await;
    std::fs::write(server.folder().join("plugins/broken.wasm"), b"not wasm").unwrap();
    let changed = CONFIG.replace("spam", "eggs").replace(
        "path = \"/plain\"",
        "path = \"/elsewhere\"\nplugins = [\"broken\"]",
    );
    server.write_config(&changed);
    let (code, message) = server.api("POST", "/api/reload").await.refused(422);
    assert_eq!(code, "load_failed");
    assert!(message.contains("broken"), "{message}");
    let mut chat = server.connect("/chat?body=-").await;
    assert_eq!(
        chat.refused_with(json!({"body": "spam"})).await,
        "blocked_word",
        "settings as before"
    );
    server.connect("/plain").await.is_alive().await;
    assert_eq!(server.refused("/elsewhere", &[]).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_goes_and_comes_back_under_load_loses_nothing() {
    let server = server().await;
    let load = Load::start(&server, "/plain", 4, 2, Loss::Reconnects).await;
    let without = CONFIG.split("[endpoints.plain]").next().unwrap();
    for _ in 0..30 {
        load.progress(10).await;
        for config in [without, CONFIG] {
            server.write_config(config);
            server.api("POST", "/api/reload").await.ok();
        }
    }
    load.progress(20).await;
    let outcome = load.finish(&server, "/plain").await;
    outcome.check(&database::log(&server.database(), "plain"));
}
