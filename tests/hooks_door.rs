//! Hooks before and around a message: `connect` and `open` that misbehave, `defaults`,
//! and what an instance remembers. The guest `doorkeeper` does what the query string says.

use serde_json::json;

use crate::support::{Setup, TestClient, TestServer, eventually};

const CONFIG: &str = r#"
    [endpoints.warm]
    path = "/warm"
    columns.body = "TEXT"
    columns.mood = "TEXT"
    plugins = ["doorkeeper"]
    [endpoints.fresh]
    path = "/fresh"
    columns.body = "TEXT"
    columns.mood = "TEXT"
    plugins = ["forgetful"]
    [plugins.forgetful]
    isolation = "per-call"
    [endpoints.small]
    path = "/small"
    columns.body = "TEXT"
    message_limit = "1 KiB"
    plugins = ["doorkeeper"]
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest("doorkeeper");
    setup.guest_as("doorkeeper", "forgetful").start().await
}

#[tokio::test]
async fn a_connect_hook_that_fails_refuses_and_the_next_client_connects() {
    let server = server().await;
    for (deed, code) in [("trap", "plugin_failed"), ("loop", "plugin_timeout")] {
        let (status, body) = server
            .refused(&format!("/warm?_at_connect={deed}"), &[])
            .await;
        assert_eq!((status, body["code"].as_str()), (503, Some(code)), "{deed}");
    }
    server.connect("/warm").await.is_alive().await;
}

#[tokio::test]
async fn an_open_hook_closes_with_its_reason_or_as_unavailable() {
    let server = server().await;
    let mut refused = server.connect("/warm?_at_open=reject").await;
    let error = refused.recv().await["_error"].take();
    assert_eq!(error["code"], "not_today");
    assert_eq!(error["details"], json!({"until": "tomorrow"}));
    assert_eq!(
        refused.closed().await,
        (4403, "Come back tomorrow.".to_owned())
    );

    for (deed, code) in [("trap", "plugin_failed"), ("loop", "plugin_timeout")] {
        let mut client = server.connect(&format!("/warm?_at_open={deed}")).await;
        let error = client.recv().await["_error"].take();
        assert_eq!(error["code"], code, "{deed}");
        assert_eq!(client.closed().await.0, 4503, "it may come back");
    }
    eventually("the connections to be gone", async || {
        let connections = server.api("GET", "/api/connections").await.ok();
        (connections["connections"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_to_a_connection_that_open_refuses_is_not_judged() {
    let server = server().await;
    let mut refused = server.connect("/warm?_at_open=reject").await;
    refused
        .send(json!({"body": "sent before the answer"}))
        .await;
    assert_eq!(refused.closed().await.0, 4403);
    let mut client = server.connect("/warm?_after=").await;
    assert_eq!(client.history().await.0, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn defaults_fill_fields_but_never_the_user() {
    let server = server().await;
    let mut client = server.subscribe("/warm").await;
    client.send(json!({"body": "one"})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["mood"], &event["user"]),
        (&json!("calm"), &json!(null))
    );
    client.send(json!({"body": "two", "mood": "wild"})).await;
    assert_eq!(client.recv().await["mood"], "wild");

    // Who changes a row does not become its author either.
    let change = json!({"_method": "PUT", "id": event["id"], "body": "three"});
    client.send(change).await;
    let changed = client.recv().await;
    assert_eq!(
        (&changed["body"], &changed["user"]),
        (&json!("three"), &json!(null))
    );
}

#[tokio::test]
async fn a_message_up_to_the_limit_passes_hooks_that_add_to_it() {
    let server = server().await;
    let mut client = server.subscribe("/small").await;
    let around = json!({"body": ""}).to_string().len();
    client
        .send(json!({"body": "x".repeat(1024 - around)}))
        .await;
    assert_eq!(client.recv().await["mood"], "calm");
    client
        .send(json!({"body": "x".repeat(1025 - around)}))
        .await;
    assert_eq!(client.recv().await["_error"]["code"], "too_large");
}

/// The numbers that the guest gives its calls.
async fn numbers(client: &mut TestClient) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..3 {
        client.send(json!({"body": "x"})).await;
        numbers.push(client.recv().await["n"].as_u64().expect("a number"));
    }
    numbers
}

#[tokio::test]
async fn an_instance_remembers_unless_each_call_has_its_own() {
    let server = server().await;
    let mut warm = server.subscribe("/warm").await;
    let warm = numbers(&mut warm).await;
    assert!(warm[2] > 1, "{warm:?}");
    let mut fresh = server.subscribe("/fresh").await;
    assert_eq!(numbers(&mut fresh).await, [1, 1, 1]);
}
