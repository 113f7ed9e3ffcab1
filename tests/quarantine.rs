//! Plugins out of service: not called, and their endpoints say so.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.fresh.probation]
    time = "1h"
    calls = 3
    errors = 0.5
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    queue.size = 0
    plugins = ["versioned"]
    [endpoints.plain]
    path = "/plain"
    columns.body = "TEXT"
    queue.size = 0
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    setup.start().await
}

async fn shown(server: &TestServer, plugin: &str) -> Value {
    server
        .api("GET", &format!("/api/plugins/{plugin}"))
        .await
        .ok()
}

async fn post(server: &TestServer, path: &str) -> Value {
    server
        .api("POST", &format!("/api/plugins/{path}"))
        .await
        .ok()
}

#[tokio::test]
async fn messages_are_refused_until_it_is_resumed() {
    let mut server = server().await;
    let mut client = server.subscribe("/chat").await;
    post(&server, "versioned/quarantine?reason=it%20smells").await;
    let error = client.refused(json!({"body": "one"})).await;
    assert_eq!(error["code"], "unavailable");
    let sentence = error["message"].as_str().unwrap();
    assert!(sentence.contains("out of service"), "{sentence}");
    assert!(
        !sentence.contains("smells"),
        "the reason is the operator's: {sentence}"
    );
    let now = shown(&server, "versioned").await;
    assert_eq!(now["quarantine"]["reason"], "it smells");
    assert_eq!(now["history"][0]["outcome"], "quarantined");
    server
        .log
        .with(&["versioned", "quarantine", "it smells"])
        .await;
    let before = now["figures"].clone();
    // No hook at the door: reading goes on.
    let mut reader = server.subscribe("/chat").await;
    assert_eq!(
        reader.refused_with(json!({"body": "two"})).await,
        "unavailable"
    );
    server
        .subscribe("/plain")
        .await
        .acked(json!({"body": "elsewhere"}))
        .await;
    assert_eq!(
        shown(&server, "versioned").await["figures"],
        before,
        "not called"
    );

    server.restart().await;
    let mut client = server.subscribe("/chat").await;
    assert_eq!(
        client.refused_with(json!({"body": "three"})).await,
        "unavailable"
    );
    assert_eq!(
        shown(&server, "versioned").await["quarantine"]["reason"],
        "it smells",
        "a restart is no way out"
    );
    post(&server, "versioned/resume").await;
    client.acked(json!({"body": "four"})).await;
    assert_eq!(client.recv().await["p"], "a");
    assert_eq!(shown(&server, "versioned").await["quarantine"], Value::Null);
    let unknown = server.api("POST", "/api/plugins/nobody/quarantine").await;
    assert_eq!(unknown.refused(404).0, "no_such_plugin");
}

#[tokio::test]
async fn a_reload_an_upload_and_a_rollback_end_it() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    for (way, generation) in [("reload", "a"), ("upload", "b"), ("rollback", "a")] {
        post(&server, "versioned/quarantine").await;
        assert_eq!(
            client.refused_with(json!({"body": way})).await,
            "unavailable"
        );
        match way {
            "upload" => server.put_plugin("versioned", "versioned-b").await.ok(),
            _ => post(&server, &format!("versioned/{way}")).await,
        };
        client.acked(json!({"body": way})).await;
        assert_eq!(client.recv().await["p"], generation, "{way}");
    }
}

#[tokio::test]
async fn nobody_gets_past_a_door_that_nobody_keeps() {
    let setup = Setup::new(CONFIG).guest_as("flaky", "versioned");
    let server = setup.start().await;
    let mut inside = server.subscribe("/chat").await;
    post(&server, "versioned/quarantine").await;
    let (status, problem) = server.refused("/chat", &[]).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (503, Some("unavailable"))
    );
    let code = inside.refused_with(json!({"body": "inside"})).await;
    assert_eq!(code, "unavailable");
    post(&server, "versioned/resume").await;
    server.connect("/chat").await.is_alive().await;
}

#[tokio::test]
async fn a_new_plugin_that_fails_has_nothing_to_go_back_to() {
    let server = server().await;
    let done = server.put_plugin("fresh", "flaky").await.ok();
    assert_eq!(done["probation"], true);
    let with = CONFIG.replace(
        "path = \"/plain\"",
        "path = \"/plain\"\nplugins = [\"fresh\"]",
    );
    server.write_config(&with);
    server.api("POST", "/api/reload").await.ok();
    let mut client = server.subscribe("/plain").await;
    for _ in 0..2 {
        let code = client
            .refused_with(json!({"body": "x", "do": "trap"}))
            .await;
        assert_eq!(code, "plugin_failed");
    }
    // `open` and `connect` worked: four calls, and now three failures.
    client
        .refused_with(json!({"body": "x", "do": "trap"}))
        .await;
    server.log.with(&["ERROR", "fresh", "in quarantine"]).await;
    let now = shown(&server, "fresh").await;
    assert_eq!(now["probation"]["state"], "failed");
    let reason = now["quarantine"]["reason"].as_str().unwrap();
    assert!(reason.contains("no generation to go back to"), "{reason}");
    assert_eq!(
        client.refused_with(json!({"body": "x"})).await,
        "unavailable"
    );
    server
        .subscribe("/chat")
        .await
        .acked(json!({"body": "elsewhere"}))
        .await;
}
