//! Plugins at the endpoint's table: with grants only, and told to subscribers.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database};

fn config(grants: &str) -> String {
    format!(
        r#"
        [plugins.relay]
        grants = [{grants}]
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        columns.n = "INTEGER"
        plugins = ["relay"]
        "#
    )
}

async fn server(grants: &str) -> TestServer {
    Setup::new(&config(grants)).guest("relay").start().await
}

async fn select(client: &mut TestClient, message: Value) -> Vec<Value> {
    let mut message = message;
    message["_type"] = "select".into();
    client.send(message).await;
    let (_, answer) = client.recv_until(|frame| frame["_type"] == "select").await;
    answer["result"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .clone()
}

#[tokio::test]
async fn rows_written_by_a_plugin_are_told_as_any_other() {
    let server = server(r#""rows:read", "rows:write""#).await;
    let mut listener = server.subscribe("/chat").await;
    let mut filtered = server.subscribe("/chat?n=1").await;
    let mut client = server.connect("/chat?body=-").await;
    client
        .send(json!({"_type": "insert", "row": {"body": "one", "n": 1, "stray": true}}))
        .await;
    let answer = client.recv().await;
    let id = answer["result"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned();
    assert_eq!(id.len(), 22);
    client
        .acked(json!({"_type": "update", "row": {"id": id, "n": 2}}))
        .await;
    client.acked(json!({"_type": "delete", "id": id})).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(listener.recv().await);
    }
    assert_eq!(
        (&seen[0]["_method"], &seen[0]["body"], &seen[0]["id"]),
        (&json!("POST"), &json!("one"), &json!(id))
    );
    assert_eq!(
        (&seen[1]["_method"], &seen[1]["n"]),
        (&json!("PUT"), &json!(2))
    );
    assert_eq!(
        (&seen[2]["_method"], &seen[2]["id"]),
        (&json!("DELETE"), &json!(id))
    );
    assert_eq!(filtered.recv().await["_method"], "POST");
    assert_eq!(
        filtered.recv().await["_method"],
        "DELETE",
        "its row has left the filter"
    );
    database::assert_gapless(&database::log(&server.database(), "chat"));
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn inserted_rows_have_user_and_time_as_posted_ones_do() {
    let server = server(r#""rows:read", "rows:write""#).await;
    let mut client = server.connect("/chat?user=alice&body=-").await;
    client
        .acked(json!({"_type": "insert", "row": {"body": "by plugin"}}))
        .await;
    client.acked(json!({"body": "by hand"})).await;
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert!(row["timestamp"].is_string(), "a row without time: {row}");
    }
}

#[tokio::test]
async fn select_filters_limits_and_sees_what_is_committed() {
    let server = server(r#""rows:read""#).await;
    let mut client = server.connect("/chat?body=-").await;
    for n in 0..5 {
        client
            .acked(json!({"body": if n % 2 == 0 { "even" } else { "odd" }, "n": n}))
            .await;
    }
    let numbers = |rows: Vec<Value>| {
        rows.iter()
            .map(|row| row["n"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        numbers(select(&mut client, json!({})).await),
        [0, 1, 2, 3, 4]
    );
    assert_eq!(
        numbers(select(&mut client, json!({"filter": {"body": ["odd"]}})).await),
        [1, 3]
    );
    assert_eq!(
        numbers(select(&mut client, json!({"filter": {"n": ["4", "0"]}})).await),
        [0, 4]
    );
    assert_eq!(select(&mut client, json!({"limit": 2})).await.len(), 2);
    assert_eq!(
        select(&mut client, json!({"filter": {"body": ["' OR 1=1 --"]}}))
            .await
            .len(),
        0
    );
    let error = client
        .refused(json!({"_type": "select", "filter": {"nosuch": ["1"]}}))
        .await;
    assert_eq!(error["code"], "invalid", "{error}");
}

#[tokio::test]
async fn a_grant_opens_just_what_it_names() {
    for (grant, denied) in [("rows:read", "rows:write"), ("rows:write", "rows:read")] {
        let server = server(&format!("{grant:?}")).await;
        let mut client = server.connect("/chat?body=-").await;
        client.acked(json!({"body": "one"})).await;
        for (message, needs) in [
            (json!({"_type": "select"}), "rows:read"),
            (
                json!({"_type": "insert", "row": {"body": "x"}}),
                "rows:write",
            ),
            (
                json!({"_type": "update", "row": {"id": "x", "body": "y"}}),
                "rows:write",
            ),
            (json!({"_type": "delete", "id": "x"}), "rows:write"),
        ] {
            if needs == denied {
                let error = client.refused(message.clone()).await;
                assert_eq!(error["code"], "denied", "{message} with {grant}: {error}");
                assert!(
                    error["message"].as_str().unwrap().contains(needs),
                    "it says which: {error}"
                );
            }
        }
        let writes = if grant == "rows:write" { 2 } else { 1 };
        if grant == "rows:write" {
            client
                .acked(json!({"_type": "insert", "row": {"body": "x"}}))
                .await;
        } else {
            assert_eq!(select(&mut client, json!({})).await.len(), 1);
        }
        assert_eq!(
            database::log(&server.database(), "chat").len(),
            writes,
            "nothing denied was done"
        );
    }
}

#[tokio::test]
async fn without_a_grant_a_plugin_that_wants_rows_is_refused_by_name() {
    let server = Setup::new(&config("")).guest("relay").prepare();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for word in ["relay", "hookcast:plugin/rows", "rows:read", "grants"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[tokio::test]
async fn impossible_changes_are_refused() {
    let server = server(r#""rows:write""#).await;
    let mut client = server.connect("/chat?body=-").await;
    for (message, code) in [
        (
            json!({"_type": "update", "row": {"id": "nobody", "body": "x"}}),
            "not_found",
        ),
        (json!({"_type": "delete", "id": "nobody"}), "not_found"),
        (json!({"_type": "insert", "row": {"n": "abc"}}), "invalid"),
        (json!({"_type": "insert", "row": []}), "invalid"),
    ] {
        assert_eq!(
            client.refused_with(message.clone()).await,
            code,
            "{message}"
        );
    }
    client
        .acked(json!({"_type": "insert", "row": {"id": "mine", "body": "x"}}))
        .await;
    let again = json!({"_type": "insert", "row": {"id": "mine", "body": "y"}});
    assert_eq!(
        client.refused_with(again).await,
        "constraint",
        "ids are unique"
    );
}
