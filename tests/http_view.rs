//! The whole filter language by HTTP: history as a WebSocket is sent it, `_c` in what
//! follows, and what can't be read as a problem.

use serde_json::{Value, json};

use crate::support::{EventStream, Setup, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    [endpoints.log]
    path = "/log"
    columns.n = "INTEGER"
    history = "log"
    [endpoints.short]
    path = "/short"
    columns.n = "INTEGER"
    history_rows = 2
"#;

async fn server() -> TestServer {
    let server = Setup::new(CONFIG).start().await;
    for message in [
        json!({"body": "alpha", "topic": "Help", "n": 1}),
        json!({"body": "beta", "topic": "Help", "n": 2}),
        json!({"body": "Gamma", "topic": "Other", "n": 3}),
        json!({"body": "delta", "n": null}),
        json!({"body": "50%_x", "topic": "Other", "n": 50}),
    ] {
        post(&server, message).await;
    }
    server
}

async fn post(server: &TestServer, message: Value) -> String {
    server.publish("POST", "/chat", message).await.position(201)
}

/// History by GET, which must be what a WebSocket with the same address is sent: the same
/// keys in the same order, and nothing more.
async fn history(server: &TestServer, path: &str) -> Vec<Value> {
    let (messages, _) = server.http("GET", path).await.messages();
    let mut client = server.connect(path).await;
    for message in &messages {
        let frame = client.recv().await;
        assert_eq!(frame.to_string(), message.to_string(), "{path}");
    }
    client.send(json!({"_method": "MARK"})).await;
    let next = client.recv().await;
    assert_eq!(next["_error"]["code"], "unknown_method", "{path}: {next}");
    messages
}

#[tokio::test]
async fn every_kind_of_condition_order_and_cut_holds() {
    let server = server().await;
    for (query, expected) in [
        ("", &["alpha", "beta", "Gamma", "delta", "50%_x"][..]),
        ("topic=Help&topic=Other&n>=2", &["Gamma", "50%_x"]),
        ("n>~=2&n<=50", &["beta", "Gamma"]),
        ("n<~=2", &["alpha", "beta"]),
        ("topic!", &["delta"]),
        ("topic&topic!=Help", &["Gamma", "50%_x"]),
        ("body~=lph&body~=_x", &["alpha", "50%_x"]),
        ("body!*=G&body!~=5", &["alpha", "beta", "delta"]),
        ("timestamp>=2023-04&n=3", &["Gamma"]),
        ("timestamp<=2023-04", &[]),
        ("_sort=-n&_limit=2", &["50%_x", "Gamma"]),
        (
            "_sort=topic&_sort=-n",
            &["delta", "beta", "alpha", "50%_x", "Gamma"],
        ),
        ("_limit=2&_offset=1", &["beta", "Gamma"]),
        ("_limit=0", &[]),
        ("topic=Help&_c=n&_c=body&_sort=-body", &["beta", "alpha"]),
    ] {
        let rows = history(&server, &format!("/chat?{query}")).await;
        let bodies: Vec<_> = rows
            .iter()
            .map(|row| row["body"].as_str().unwrap())
            .collect();
        assert_eq!(bodies, expected, "{query}");
    }
}

#[tokio::test]
async fn columns_are_chosen_and_rows_grouped() {
    let server = server().await;
    for (query, expected) in [
        ("_c=n&_c=body&_limit=1", json!([{"n": 1, "body": "alpha"}])),
        (
            "_c=-id&_c=-user&_c=-timestamp&_limit=1",
            json!([{"body": "alpha", "topic": "Help", "n": 1}]),
        ),
        (
            "_by=topic&_c=n|max&_c=body|count&_sort=-n|max",
            json!([
                {"topic": "Other", "n|max": 50, "body|count": 2},
                {"topic": "Help", "n|max": 2, "body|count": 2},
                {"topic": null, "n|max": null, "body|count": 1},
            ]),
        ),
        (
            "_by=topic&n|max>=3",
            json!([{"topic": "Other", "n|sum": 53}]),
        ),
        ("_by=&_c=n|avg", json!([{"n|avg": 14.0}])),
    ] {
        let rows = history(&server, &format!("/chat?{query}")).await;
        assert_eq!(
            Value::from(rows).to_string(),
            expected.to_string(),
            "{query}"
        );
    }
    for n in 1..=4 {
        let answer = server.publish("POST", "/short", json!({"n": n})).await;
        answer.position(201);
    }
    let rows = history(&server, "/short?_sort=-n&_c=n").await;
    let expected = json!([{"n": 4}, {"n": 3}, {"_history_truncated": {"rows": 2}}]);
    assert_eq!(Value::from(rows), expected);
}

#[tokio::test]
async fn what_shapes_history_does_not_mute_what_follows() {
    let server = server().await;
    let answer = server.http("GET", "/chat?_sort=-n&_limit=1").await;
    let (messages, position) = answer.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let mut stream = EventStream::open(&server.address, "/chat?_by=&_c=n|count", &[]).await;
    assert_eq!(stream.recv().await, json!({"n|count": 4}));
    stream.id().await;
    let posted = [
        post(&server, json!({"body": "one", "topic": "Help"})).await,
        post(&server, json!({"body": "two", "topic": "Other"})).await,
    ];
    let path = format!("/chat?_limit=0&_sort=-n&_offset=9&_after={position}");
    let (messages, _) = server.http("GET", &path).await.messages();
    let positions: Vec<_> = messages.iter().map(|one| &one["_position"]).collect();
    assert_eq!(positions, posted.each_ref(), "{messages:?}");
    for (body, position) in ["one", "two"].iter().zip(posted) {
        let event = stream.next().await.expect("an event");
        assert_eq!((&event.data["body"], event.id), (&json!(body), position));
    }
}

#[tokio::test]
async fn chosen_columns_are_all_that_follows_shows() {
    let server = server().await;
    let (_, start) = server.http("GET", "/chat?_limit=0").await.messages();
    let mut reader = server.subscribe("/chat?_limit=0").await;
    let path = "/chat?_c=n&_c=body&_limit=1";
    let mut stream = EventStream::open(&server.address, path, &[]).await;
    assert_eq!(stream.recv().await.to_string(), r#"{"n":1,"body":"alpha"}"#);
    stream.id().await;
    let mut positions = vec![post(&server, json!({"body": "x", "n": 1, "topic": "a"})).await];
    let id = reader.recv().await["id"].clone();
    for (method, message) in [
        ("PUT", json!({"id": id, "n": 2, "topic": "b"})),
        ("DELETE", json!({"id": id})),
    ] {
        let answer = server.publish(method, "/chat", message).await;
        positions.push(answer.position(200));
    }
    // A DELETE is whole: it says which row is gone.
    let expected = [
        r#"{"n":1,"body":"x"}"#.to_owned(),
        r#"{"n":2}"#.to_owned(),
        json!({"id": id, "_method": "DELETE"}).to_string(),
    ];
    for (expected, position) in expected.iter().zip(&positions) {
        let event = stream.next().await.expect("an event");
        assert_eq!(
            (&event.data.to_string(), &event.id),
            (expected, position),
            "live, as a stream"
        );
    }
    let path = format!("/chat?_c=n&_c=body&_after={start}");
    let (messages, _) = server.http("GET", &path).await.messages();
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
    for ((mut message, expected), position) in messages.into_iter().zip(expected).zip(positions) {
        let shown = message.as_object_mut().unwrap();
        assert_eq!(shown.shift_remove("_position"), Some(json!(position)));
        assert_eq!(message.to_string(), expected, "from the log");
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_a_problem() {
    let server = server().await;
    for path in [
        "/chat?colour=red",
        "/chat?n>=many",
        "/chat?n>=",
        "/chat?n~=2",
        "/chat?_sort=colour",
        "/chat?_c=colour",
        "/chat?_by=colour",
        "/chat?_limit=abc",
        "/chat?_offset=-1",
        "/chat?n|median>=1&_by=topic",
        "/log?_sort=n",
        "/log?_limit=1",
        "/log?_by=n",
    ] {
        for accept in ["application/json", "text/event-stream"] {
            let headers = [("accept", accept)];
            let answer = server.http_with("GET", path, &headers, String::new()).await;
            assert_eq!(answer.problem(400), "bad_filter", "{path} as {accept}");
        }
    }
    let answer = server.publish("POST", "/log", json!({"n": 1, "x": 2}));
    answer.await.position(201);
    let (messages, _) = server.http("GET", "/log?_c=n&n>~=1").await.messages();
    assert_eq!(
        messages,
        [json!({"n": 1})],
        "what is no shaping holds for a log"
    );
}
