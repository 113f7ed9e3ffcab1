//! Effects of a hook: all of them with its message, or none.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database};

const CONFIG: &str = r#"
    [plugins.misbehave]
    grants = ["rows:read", "rows:write"]
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = { type = "TEXT" }
    columns.n = "INTEGER"
    plugins = ["misbehave", "relay"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest("misbehave")
        .guest("relay")
        .start()
        .await
}

/// The groups that a connection is in, as its hooks see them.
async fn groups(client: &mut TestClient) -> Value {
    client.send(json!({"_type": "groups"})).await;
    client.recv().await["result"].clone()
}

#[tokio::test]
async fn a_hook_that_fails_leaves_no_trace() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.subscribe("/chat").await;
    for (key, message_type) in [("do", None), ("do_modify", None), ("do", Some("misbehave"))] {
        for (deed, code) in [
            ("reply_then_trap", "plugin_failed"),
            ("reply_then_reject", "misbehaved"),
        ] {
            let mut message = json!({"body": "never", key: deed});
            if let Some(message_type) = message_type {
                message["_type"] = message_type.into();
            }
            let case = format!("{message}");
            client.send(message).await;
            let answer = client.recv().await;
            assert_eq!(
                answer["_error"]["code"], code,
                "the error is all that {case} leaves: {answer}"
            );
        }
    }
    assert_eq!(groups(&mut client).await, json!([]), "no group was joined");
    client.acked(json!({"body": "last"})).await;
    assert_eq!(
        listener.recv_before("last").await,
        Vec::<Value>::new(),
        "nothing was broadcast"
    );
    assert_eq!(
        client.recv_before("last").await,
        Vec::<Value>::new(),
        "nothing was replied"
    );
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1, "no row was inserted");
    assert_eq!(
        database::log(&server.database(), "chat").len(),
        1,
        "and nothing logged"
    );
}

#[tokio::test]
async fn effects_of_a_message_that_the_database_refuses_vanish_with_it() {
    let mut server = server().await;
    server.terminate();
    server.ended().await;
    server
        .database()
        .execute_batch("CREATE UNIQUE INDEX one_body ON chat (body)")
        .unwrap();
    server.start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "one"})).await;
    client.recv().await;
    let refused = json!({"body": "one", "do": "effects", "count": 3});
    let error = client.refused(refused).await;
    // `effects` returns ok with three replies buffered; the UNIQUE index comes later.
    assert_eq!(error["code"], "constraint", "{error}");
    client.acked(json!({"body": "last"})).await;
    assert_eq!(
        client.recv_before("last").await,
        Vec::<Value>::new(),
        "no reply of a refused message"
    );
}

#[tokio::test]
async fn effects_of_an_accepted_message_all_arrive_once() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    let mut listener = server.subscribe("/chat").await;
    client
        .send(json!({"body": "one", "do": "effects", "count": 3}))
        .await;
    client.acked(json!({"body": "last"})).await;
    let seen = client.recv_before("last").await;
    let replies: Vec<_> = seen
        .iter()
        .filter_map(|frame| frame["_effect"].as_i64())
        .collect();
    assert_eq!(replies, [0, 1, 2], "{seen:?}");
    assert_eq!(seen.len(), 4, "and the message itself");
    assert_eq!(
        listener.recv().await["body"],
        "one",
        "replies are the sender's alone"
    );
}

#[tokio::test]
async fn too_many_effects_are_refused() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    let error = client
        .refused(json!({"body": "one", "do": "effects", "count": 1_000_000}))
        .await;
    let code = error["code"].as_str().unwrap();
    assert!(["limit", "plugin_timeout"].contains(&code), "{error}");
    client.acked(json!({"body": "last"})).await;
    assert_eq!(client.recv_before("last").await, Vec::<Value>::new());
}

#[tokio::test]
async fn rows_of_a_handler_that_fails_in_the_database_vanish_together() {
    let mut server = server().await;
    server.terminate();
    server.ended().await;
    server
        .database()
        .execute_batch("CREATE UNIQUE INDEX one_body ON chat (body)")
        .unwrap();
    server.start().await;
    let mut client = server.subscribe("/chat").await;
    client
        .acked(json!({"_type": "insert", "row": {"body": "one"}}))
        .await;
    let error = client
        .refused(json!({"_type": "insert", "row": {"body": "one"}}))
        .await;
    assert_eq!(error["code"], "constraint");
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1);
    database::assert_gapless(&database::log(&server.database(), "chat"));
}
