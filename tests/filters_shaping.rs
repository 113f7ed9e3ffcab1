//! `_c`, `_sort`, `_limit`, `_offset` and `_by`: they shape history; only `_c` is for the
//! live stream, too. And what the documentation of Gramex promises of filters.

use rusqlite::params;
use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    columns.ratio = "REAL"
"#;

/// As Gramex was recorded with: `golden/gramex/messagehandler.jsonl`.
async fn server() -> TestServer {
    let server = Setup::new(CONFIG).start().await;
    let mut sender = server.connect("/chat?_limit=0").await;
    for message in [
        json!({"body": "alpha", "topic": "Help", "n": 1}),
        json!({"body": "beta", "topic": "Help", "n": 2}),
        json!({"body": "Gamma", "topic": "Other", "n": 3}),
        json!({"body": "delta", "n": null}),
        json!({"body": "50%_x", "topic": "Other", "n": 50}),
    ] {
        sender.acked(message).await;
    }
    server
}

/// What is sent on connect, and the connection behind it.
async fn subscribe(server: &TestServer, query: &str) -> (Vec<Value>, TestClient) {
    let mut client = server.connect(&format!("/chat?{query}&_after=")).await;
    let end = |frame: &Value| frame.get("_history").is_some();
    (client.recv_until(end).await.0, client)
}

async fn history(server: &TestServer, query: &str) -> Vec<Value> {
    subscribe(server, query).await.0
}

async fn bodies(server: &TestServer, query: &str) -> Vec<String> {
    let rows = history(server, query).await;
    let bodies = rows.iter().map(|row| row["body"].as_str().expect("a body"));
    bodies.map(str::to_owned).collect()
}

/// What has arrived so far, without positions.
async fn seen(client: &mut TestClient) -> Vec<Value> {
    client.send(json!({"_method": "MARK"})).await;
    let refused = |frame: &Value| frame["_error"]["code"] == "unknown_method";
    let (mut events, _) = client.recv_until(refused).await;
    for event in &mut events {
        let position = event
            .as_object_mut()
            .expect("an object")
            .shift_remove("_position");
        assert!(position.is_some(), "{event}");
    }
    events
}

#[tokio::test]
async fn history_is_sorted_and_cut() {
    let server = server().await;
    for (query, expected) in [
        ("_limit=2", &["alpha", "beta"][..]),
        ("_offset=3", &["delta", "50%_x"]),
        ("_limit=2&_offset=1", &["beta", "Gamma"]),
        ("_limit=3&_limit=1", &["alpha"]),
        ("_limit=0", &[]),
        ("_sort=body", &["50%_x", "Gamma", "alpha", "beta", "delta"]),
        (
            "_sort=topic&_sort=-n",
            &["delta", "beta", "alpha", "50%_x", "Gamma"],
        ),
        ("_sort=-n&_limit=2", &["50%_x", "Gamma"]),
        // What is equal stays in its order.
        (
            "_sort=-topic",
            &["Gamma", "50%_x", "alpha", "beta", "delta"],
        ),
        ("topic=Help&_sort=-timestamp", &["beta", "alpha"]),
    ] {
        assert_eq!(bodies(&server, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_shapes_history_does_not_mute_the_live_stream() {
    let server = server().await;
    let mut sender = server.connect("/chat?_limit=0").await;
    let mut clients = Vec::new();
    let queries = [
        "_limit=0",
        "_offset=9",
        "_sort=-n&_limit=1",
        "_by=topic",
        "_by=&_c=n|max",
    ];
    for query in queries {
        clients.push(subscribe(&server, query).await.1);
    }
    let message = json!({"body": "new", "topic": "Help", "n": 7});
    sender.acked(message.clone()).await;
    for (query, client) in queries.iter().zip(&mut clients) {
        let event = client.recv().await;
        for key in ["body", "topic", "n"] {
            assert_eq!(event[key], message[key], "{query}: {event}");
        }
    }
}

#[tokio::test]
async fn chosen_columns_are_all_that_is_shown() {
    let server = server().await;
    let shown = |rows: &[Value]| rows.iter().map(Value::to_string).collect::<Vec<_>>();
    let rows = history(&server, "_c=n&_c=body&_limit=1").await;
    assert_eq!(shown(&rows), [r#"{"n":1,"body":"alpha"}"#]);
    let rows = history(&server, "_c=-id&_c=-user&_c=-timestamp&_limit=1").await;
    let whole = r#"{"body":"alpha","topic":"Help","n":1,"ratio":null}"#;
    assert_eq!(shown(&rows), [whole]);

    let mut sender = server.connect("/chat?_limit=0").await;
    let (_, mut bare) = subscribe(&server, "_c=n&_c=body").await;
    let (_, mut named) = subscribe(&server, "_c=_method&_c=id").await;
    let (_, mut rest) = subscribe(&server, "_c=-id&_c=-user&_c=-timestamp").await;
    sender
        .acked(json!({"body": "x", "n": 1, "id": "-", "extra": true}))
        .await;
    let id = sender.recv().await["id"].clone();
    sender
        .acked(json!({"_method": "PUT", "id": id, "n": 2}))
        .await;
    sender.acked(json!({"_method": "DELETE", "id": id})).await;
    // In the order of `_c`, without what was not asked for; a DELETE is whole.
    let gone = json!({"_method": "DELETE", "id": id}).to_string();
    let seen_bare = shown(&seen(&mut bare).await);
    assert_eq!(
        seen_bare,
        [r#"{"n":1,"body":"x"}"#, r#"{"n":2}"#, gone.as_str()]
    );
    let [post, put] =
        ["POST", "PUT"].map(|method| json!({"_method": method, "id": id}).to_string());
    assert_eq!(shown(&seen(&mut named).await), [post, put, gone.clone()]);
    assert_eq!(
        shown(&seen(&mut rest).await),
        [
            r#"{"body":"x","n":1,"extra":true,"_method":"POST"}"#,
            r#"{"_method":"PUT","n":2}"#,
            gone.as_str()
        ]
    );
}

#[tokio::test]
async fn rows_are_grouped() {
    let server = server().await;
    for (query, expected) in [
        (
            "_by=topic&_c=n|max",
            json!([
                {"topic": null, "n|max": null},
                {"topic": "Help", "n|max": 2},
                {"topic": "Other", "n|max": 50},
            ]),
        ),
        // Without `_c`: the sum of each number.
        (
            "_by=topic&topic=Help",
            json!([{"topic": "Help", "n|sum": 3, "ratio|sum": null}]),
        ),
        (
            "_by=topic&_c=body|count&_c=n|min&_c=n|avg&_c=body|MAX&_sort=-n|min&_limit=2",
            json!([
                {"topic": "Other", "body|count": 2, "n|min": 3, "n|avg": 26.5, "body|max": "Gamma"},
                {"topic": "Help", "body|count": 2, "n|min": 1, "n|avg": 1.5, "body|max": "beta"},
            ]),
        ),
        // Conditions on columns come before the grouping, those on aggregates after it.
        (
            "_by=topic&_c=body|count&n>=2&body|count>~=2",
            json!([{"topic": "Other", "body|count": 2}]),
        ),
        (
            "_by=topic&_c=n|max&n|max>=3",
            json!([{"topic": "Other", "n|max": 50}]),
        ),
        ("_by=topic&_c=topic&n|count=0", json!([{"topic": null}])),
        (
            "_by=&_c=n|avg&_c=topic|count",
            json!([{"n|avg": 14.0, "topic|count": 4}]),
        ),
        ("_by=&_c=n|sum&body=nobody", json!([{"n|sum": null}])),
    ] {
        assert_eq!(
            Value::from(history(&server, query).await),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn the_filters_of_gramexs_documentation() {
    let server = server().await;
    // Messages of other times, as another program could have written them.
    let rows = server.database();
    for (id, time) in [
        ("feb", "2023-02-28T23:59:59.999999"),
        ("first", "2023-03-01T00:00:00.000000"),
        ("march", "2023-03-01T00:00:00.000001"),
        ("blank", "2023-04-01 00:00:00"),
        ("new year", "2023-01-01T00:00:00.000000"),
        ("last year", "2022-12-31T23:59:59.999999"),
    ] {
        let sql = "INSERT INTO chat (id, body, topic, user, timestamp) VALUES (?, ?, ?, ?, ?)";
        let (topic, user) = ("Old", "user@example.org");
        rows.execute(sql, params![id, id, topic, user, time])
            .expect("a row");
    }
    for (query, expected) in [
        ("topic=Help", &["alpha", "beta"][..]),
        // "Messages after 1 Mar 2023", which begins at midnight.
        ("timestamp>=2023-03-01&topic=Old", &["march", "blank"]),
        (
            "timestamp>~=2023-03-01&topic=Old",
            &["first", "march", "blank"],
        ),
        ("user=user@example.org&timestamp<=2023", &["last year"]),
        (
            "topic=Old&timestamp>=2023",
            &["feb", "first", "march", "blank"],
        ),
        (
            "timestamp>~=2023-04",
            &["alpha", "beta", "Gamma", "delta", "50%_x", "blank"],
        ),
        ("timestamp=2023-04-01", &["blank"]),
        (
            "timestamp!=2023-04-01&timestamp<=2023-02",
            &["new year", "last year"],
        ),
    ] {
        assert_eq!(bodies(&server, query).await, expected, "{query}");
    }
    // Live messages are of now.
    let (_, mut after) = subscribe(&server, "timestamp>=2023-03-01").await;
    let (_, mut before) = subscribe(&server, "timestamp<=2023-03-01").await;
    let mut sender = server.connect("/chat?_limit=0").await;
    sender.acked(json!({"body": "now"})).await;
    assert_eq!(after.recv().await["body"], "now");
    assert_eq!(seen(&mut before).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_history_that_is_the_log_can_not_be_shaped() {
    let config = format!("{CONFIG}\nhistory = \"log\"\n");
    let server = Setup::new(&config).start().await;
    let mut client = server.connect("/chat?_sort=n").await;
    let error = client.recv().await["_error"].take();
    assert_eq!(error["code"], "bad_filter", "{error}");
    assert_eq!(client.closed().await.0, 4400);
}
