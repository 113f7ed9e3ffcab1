//! `durability`: what is left after a crash.

use serde_json::json;

use crate::support::{Setup, TestServer, database};

const CONFIG: &str = r#"
    [endpoints.process]
    path = "/process"
    columns.body = "TEXT"
    durability = "process"
    [endpoints.memory]
    path = "/memory"
    durability = "ephemeral"
    plugins = ["relay"]
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

#[tokio::test]
async fn process_survives_a_kill() {
    let mut server = server().await;
    let mut reader = server.connect("/process?_after=").await;
    let (_, start) = reader.history().await;
    let mut writer = server.connect("/process?body=-").await;
    for n in 0..200 {
        writer.acked(json!({"body": n})).await;
    }
    server.kill();
    server.start().await;
    let mut reader = server.connect(&format!("/process?_after={start}")).await;
    for n in 0..200 {
        assert_eq!(reader.recv().await["body"], n);
    }
    database::assert_gapless(&database::log(&server.database(), "process"));
}

#[tokio::test]
async fn ephemeral_messages_are_delivered_and_not_stored() {
    let server = server().await;
    let mut reader = server.subscribe("/memory").await;
    let mut writer = server.connect("/memory").await;
    let first = writer
        .acked(json!({"body": "one", "anything": {"a": 1}}))
        .await;
    let event = reader.recv().await;
    assert_eq!(
        (&event["body"], &event["anything"]),
        (&json!("one"), &json!({"a": 1}))
    );
    assert_eq!(event["_position"], first);
    assert_eq!(
        event["id"].as_str().map(str::len),
        Some(22),
        "filled in like any other"
    );
    let tables: i64 = database::value(
        &server.database(),
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('memory')",
    );
    assert_eq!(tables, 0, "no table");
    assert!(
        database::log(&server.database(), "memory").is_empty(),
        "no log"
    );
}

#[tokio::test]
async fn ephemeral_subscribers_resume_as_far_as_the_ring_goes() {
    let mut server = server().await;
    let mut writer = server.connect("/memory").await;
    let first = writer.acked(json!({"body": 0})).await;
    for n in 1..5 {
        writer.acked(json!({"body": n})).await;
    }
    let mut back = server.connect(&format!("/memory?_after={first}")).await;
    for n in 1..5 {
        assert_eq!(back.recv().await["body"], n);
    }
    server.restart().await;
    let mut back = server.connect(&format!("/memory?_after={first}")).await;
    assert_eq!(
        back.recv().await["_reset"]["reason"],
        "unknown_position",
        "a new start is a new log"
    );
    let mut writer = server.connect("/memory").await;
    writer.acked(json!({"body": "fresh"})).await;
    let (before, _) = back.recv_until(|frame| frame["body"] == "fresh").await;
    assert!(
        before.iter().all(|frame| frame.get("body").is_none()),
        "{before:?}"
    );
}

#[tokio::test]
async fn ephemeral_history_is_what_the_ring_has() {
    let server = server().await;
    let mut writer = server.connect("/memory").await;
    for n in 0..3 {
        writer.acked(json!({"body": n})).await;
    }
    // The reference: 'Ephemeral endpoints: always "log", as far as the ring goes.'
    let mut reader = server.connect("/memory?_after=").await;
    writer.acked(json!({"body": "last"})).await;
    let seen = reader.recv_before("last").await;
    let bodies: Vec<_> = seen
        .iter()
        .filter_map(|frame| frame["body"].as_i64())
        .collect();
    assert_eq!(bodies, [0, 1, 2]);
}

#[tokio::test]
async fn ephemeral_endpoints_have_no_rows_to_change() {
    let server = server().await;
    let mut client = server.connect("/memory").await;
    for method in ["PUT", "DELETE"] {
        let code = client
            .refused_with(json!({"_method": method, "id": "x"}))
            .await;
        assert_eq!(code, "unknown_method", "{method}");
    }
    for (message_type, key, value) in [
        ("select", "limit", json!(1)),
        ("insert", "row", json!({"body": "x"})),
        ("delete", "id", json!("x")),
    ] {
        let code = client
            .refused_with(json!({"_type": message_type, key: value}))
            .await;
        assert_eq!(code, "unavailable", "{message_type}");
    }
    let mut filtered = server.connect("/memory?body=x").await;
    assert_eq!(
        filtered.recv().await["_error"]["code"],
        "bad_filter",
        "there are no columns"
    );
    assert_eq!(filtered.closed().await.0, 4400);
}

#[tokio::test]
async fn levels_do_not_disturb_one_another() {
    let config = format!("{CONFIG}\n[endpoints.full]\npath = \"/full\"\ncolumns.body = \"TEXT\"");
    let mut server = Setup::new(&config).guest("relay").start().await;
    let mut clients = Vec::new();
    for path in ["/full", "/process", "/memory"] {
        let mut client = server.connect(&format!("{path}?_after=")).await;
        client
            .recv_until(|frame| frame.get("_history").is_some())
            .await;
        clients.push(client);
    }
    for n in 0..50 {
        for client in &mut clients {
            client
                .send(json!({"body": n, "_msg_id": format!("m{n}")}))
                .await;
        }
    }
    for client in &mut clients {
        for n in 0..50 {
            client.answer_to(&format!("m{n}")).await;
        }
        for n in 0..50 {
            assert_eq!(client.recv().await["body"], n);
        }
    }
    server.kill();
    let database = server.database();
    for (endpoint, count) in [("full", 50), ("process", 50), ("memory", 0)] {
        let log = database::log(&database, endpoint);
        assert_eq!(log.len(), count, "{endpoint}");
        database::assert_gapless(&log);
    }
}
