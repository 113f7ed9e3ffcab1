//! The gramex dialect on the wire: what a message becomes, and who gets it.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    columns.ratio = "REAL"
    columns.done = "BOOLEAN"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).start().await
}

#[tokio::test]
async fn a_post_reaches_everyone_with_its_keys_in_order() {
    let server = server().await;
    let (mut alice, mut bob) = (
        server.subscribe("/chat").await,
        server.connect("/chat").await,
    );
    // Bob has no sign of being live but a message.
    bob.send(json!({"body": "bob is here"})).await;
    bob.recv().await;
    alice.recv().await;
    bob.send_text(r#"{"topic": "x", "zeta": [1, {"b": 1, "a": 2}], "body": "Hello", "_method": "POST", "id": "mine", "user": "spoof"}"#).await;
    let text = bob.recv_text().await;
    let sent: Value = serde_json::from_str(&text).unwrap();
    let (id, time) = (
        sent["id"].as_str().unwrap(),
        sent["timestamp"].as_str().unwrap(),
    );
    let expected = format!(
        r#"{{"topic":"x","zeta":[1,{{"b":1,"a":2}}],"body":"Hello","_method":"POST","id":"{id}","user":null,"timestamp":"{time}"}}"#
    );
    assert_eq!(
        text, expected,
        "the sender sees it, keys where they were, spoofed ones replaced"
    );
    let seen = alice.recv_text().await;
    let (before, position) = seen
        .split_once(r#","_position":""#)
        .expect("a position as last key");
    assert_eq!(format!("{before}}}"), expected, "everyone sees the same");
    assert!(position.ends_with("\"}"), "{position}");
}

#[tokio::test]
async fn ids_and_times_have_their_form() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        client.send(json!({})).await;
        let event = client.recv().await;
        let id = event["id"].as_str().unwrap().to_owned();
        let base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(id.len() == 22 && id.chars().all(base64url), "{id}");
        let time = event["timestamp"].as_str().unwrap();
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000", "{time}");
        let keys: Vec<_> = event.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["_method", "id", "user", "timestamp"],
            "nothing else is added"
        );
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20, "ids are unique");
}

#[tokio::test]
async fn methods_are_read_in_any_case_and_shown_in_capitals() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client.send(json!({"_method": "pOsT", "body": "one"})).await;
    let posted = client.recv().await;
    assert_eq!(posted["_method"], "POST");
    let id = &posted["id"];
    client
        .send_text(&format!(
            r#"{{"_method": "put", "id": {id}, "body": "two"}}"#
        ))
        .await;
    let expected = format!(r#"{{"_method":"PUT","id":{id},"body":"two"}}"#);
    assert_eq!(
        client.recv_text().await,
        expected,
        "PUT comes back as sent, with nothing filled in"
    );
    client
        .send_text(&format!(r#"{{"_method": "Delete", "id": {id}}}"#))
        .await;
    let expected = format!(r#"{{"_method":"DELETE","id":{id}}}"#);
    assert_eq!(client.recv_text().await, expected);
    let rows: i64 =
        crate::support::database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn put_changes_the_given_columns_only() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client
        .acked(json!({"body": "one", "topic": "x", "n": 1}))
        .await;
    let posted = client.recv().await;
    client
        .acked(json!({"_method": "PUT", "id": posted["id"], "n": 2, "stray": true}))
        .await;
    assert_eq!(
        client.recv().await["stray"],
        true,
        "keys that are no columns are broadcast"
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    let expected = json!({
        "body": "one", "topic": "x", "n": 2, "ratio": null, "done": null,
        "id": posted["id"], "user": null, "timestamp": posted["timestamp"],
    });
    assert_eq!(rows, [expected], "and not stored");
}

#[tokio::test]
async fn values_are_stored_in_their_columns_form() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client
        .acked(json!({"body": 12, "topic": "", "n": 3.0, "ratio": 1, "done": true}))
        .await;
    let live = client.recv().await;
    assert_eq!(
        (&live["body"], &live["topic"]),
        (&json!(12), &json!("")),
        "live keeps the sender's types"
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    let row = &rows[0];
    assert_eq!(row["body"], "12");
    assert_eq!(row["topic"], Value::Null, "'' is stored as NULL");
    assert_eq!(row["n"], 3);
    assert_eq!(row["ratio"], 1.0);
    assert_eq!(row["done"], true);
}

#[tokio::test]
async fn defaults_of_columns_are_stored() {
    let server = Setup::new(
        r#"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        columns.topic = { type = "TEXT", nullable = false, default = "general" }
        "#,
    )
    .start()
    .await;
    let mut client = server.connect("/chat").await;
    client.acked(json!({"body": "one"})).await;
    let refused = client
        .refused_with(json!({"body": "two", "topic": null}))
        .await;
    assert_eq!(
        refused, "bad_value",
        "NOT NULL holds where the key is given"
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["topic"], "general");
}

#[tokio::test]
async fn one_connections_messages_keep_their_order() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    let mut writer = server.connect("/chat?topic=-").await;
    for n in 0..500 {
        writer.send(json!({"n": n})).await;
    }
    for n in 0..500 {
        assert_eq!(reader.recv().await["n"], n);
    }
}

#[tokio::test]
async fn text_of_all_languages_passes_unharmed() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    let body = "Grüße, \u{1F600} \u{0} \\ \" \u{2028} नमस्ते";
    client
        .acked(json!({"body": body, "ключ": "значение"}))
        .await;
    let event = client.recv().await;
    assert_eq!(
        (event["body"].as_str(), event["ключ"].as_str()),
        (Some(body), Some("значение"))
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows[0]["body"], body);
}
