//! Filters: the same rows from history and from the live stream, and for receiving only.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    columns.done = "BOOLEAN"
"#;

/// Messages of which a filter chooses some.
fn messages() -> Vec<Value> {
    vec![
        json!({"body": "1", "topic": "Help", "n": 1, "done": true}),
        json!({"body": "2", "topic": "help", "n": 2, "done": false}),
        json!({"body": "3", "topic": "Other", "n": 1}),
        json!({"body": "4", "topic": "", "n": null}),
        json!({"body": "5", "n": 10}),
        json!({"body": "6", "topic": "A&B=C d", "n": -1}),
    ]
}

async fn server() -> TestServer {
    Setup::new(CONFIG).start().await
}

fn bodies(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .filter_map(|frame| frame["body"].as_str())
        .collect()
}

/// Frames up to a message that every subscriber of these tests can see.
async fn live(client: &mut TestClient, sender: &mut TestClient, filter: &Value) -> Vec<Value> {
    let mut last = json!({"body": "last"});
    last.as_object_mut()
        .unwrap()
        .extend(filter.as_object().unwrap().clone());
    sender.acked(last).await;
    client.recv_before("last").await
}

#[tokio::test]
async fn history_and_live_choose_the_same_rows() {
    let server = server().await;
    let mut sender = server.connect("/chat?body=-").await;
    let cases: [(&str, Value, &[&str]); 9] = [
        ("topic=Help", json!({"topic": "Help"}), &["1"]),
        (
            "topic=Help&topic=Other",
            json!({"topic": "Other"}),
            &["1", "3"],
        ),
        ("n=1", json!({"n": 1}), &["1", "3"]),
        ("n=1&topic=Other", json!({"n": 1, "topic": "Other"}), &["3"]),
        ("n=+1", json!({"n": 1}), &["1", "3"]),
        ("n=10&n=-1", json!({"n": 10}), &["5", "6"]),
        ("done=true", json!({"done": true}), &["1"]),
        ("done=0", json!({"done": false}), &["2"]),
        ("topic=A%26B%3DC+d", json!({"topic": "A&B=C d"}), &["6"]),
    ];
    let mut clients = Vec::new();
    for (query, ..) in &cases {
        clients.push(server.subscribe(&format!("/chat?{query}")).await);
    }
    for message in messages() {
        sender.acked(message).await;
    }
    for ((query, _, expected), client) in cases.iter().zip(&mut clients) {
        let (rows, _) = server
            .connect(&format!("/chat?{query}&_after="))
            .await
            .history()
            .await;
        assert_eq!(bodies(&rows), *expected, "history of {query}");
        for body in *expected {
            assert_eq!(client.recv().await["body"], **body, "live of {query}");
        }
    }
    // Nothing but those: the next that each sees is one sent now.
    for ((query, sees, _), client) in cases.iter().zip(&mut clients) {
        // Other cases' last messages may fit, too.
        let rest = live(client, &mut sender, sees).await;
        assert!(
            bodies(&rest).iter().all(|body| *body == "last"),
            "live of {query}: {rest:?}"
        );
    }
}

#[tokio::test]
async fn null_passes_only_where_it_is_asked_for() {
    let server = server().await;
    let mut sender = server.connect("/chat?body=-").await;
    // The table keeps '' as NULL, and a column that a message lacks is NULL.
    let cases: [(&str, &[&str]); 6] = [
        ("topic!", &["4", "5"]),
        ("topic!=", &["4", "5"]),
        ("topic", &["1", "2", "3", "6"]),
        ("topic=", &["1", "2", "3", "6"]),
        ("topic!=Help", &["2", "3", "6"]),
        ("n!=1&n!=2", &["5", "6"]),
    ];
    agree(&server, &mut sender, &cases).await;
}

#[tokio::test]
async fn operators_compare_and_search() {
    let server = server().await;
    let mut sender = server.connect("/chat?body=-").await;
    let cases: [(&str, &[&str]); 15] = [
        ("n>=1", &["2", "5"]),
        ("n>~=1", &["1", "2", "3", "5"]),
        ("n<=1", &["6"]),
        ("n<~=1", &["1", "3", "6"]),
        ("n>=1&n<=10", &["2"]),
        // Of several, the least for `>` and the greatest for `<`.
        ("n>=1&n>=2", &["2", "5"]),
        ("n<=1&n<=2", &["1", "3", "6"]),
        ("topic~=el", &["1", "2"]),
        ("topic~=Hel", &["1"]),
        ("topic~=Hel&topic~=the", &["1", "3"]),
        ("topic!~=el", &["3", "6"]),
        ("topic*=HEL", &["1", "2"]),
        ("topic!*=HEL", &["3", "6"]),
        // No wildcards.
        ("topic~=%25", &[]),
        ("topic*=_", &[]),
    ];
    agree(&server, &mut sender, &cases).await;
}

/// Checks which of the messages history and the live stream have for each query.
async fn agree(server: &TestServer, sender: &mut TestClient, cases: &[(&str, &[&str])]) {
    let mut clients = Vec::new();
    for (query, _) in cases {
        clients.push(server.subscribe(&format!("/chat?{query}")).await);
    }
    for message in messages() {
        sender.acked(message).await;
    }
    for ((query, expected), client) in cases.iter().zip(&mut clients) {
        let path = format!("/chat?{query}&_after=");
        let (rows, _) = server.connect(&path).await.history().await;
        assert_eq!(bodies(&rows), *expected, "history of {query}");
        client.send(json!({"_method": "MARK"})).await;
        let refused = |frame: &Value| frame["_error"]["code"] == "unknown_method";
        let (seen, _) = client.recv_until(refused).await;
        assert_eq!(bodies(&seen), *expected, "live of {query}");
    }
}

#[tokio::test]
async fn a_filter_concerns_receiving_only() {
    let server = server().await;
    let mut helper = server.subscribe("/chat?topic=Help").await;
    let mut everyone = server.subscribe("/chat").await;
    helper
        .acked(json!({"body": "elsewhere", "topic": "Other"}))
        .await;
    helper.acked(json!({"body": "nowhere"})).await;
    helper.acked(json!({"body": "here", "topic": "Help"})).await;
    assert_eq!(everyone.recv().await["body"], "elsewhere");
    assert_eq!(everyone.recv().await["body"], "nowhere");
    let echo = helper.recv().await;
    assert_eq!(
        echo["body"], "here",
        "the filter hides even one's own messages"
    );
}

#[tokio::test]
async fn filters_look_at_what_is_stored() {
    let server = server().await;
    let mut client = server.subscribe("/chat?n=1").await;
    let mut sender = server.connect("/chat?body=-").await;
    sender.acked(json!({"body": "a float", "n": 1.0})).await;
    sender.acked(json!({"body": "not stored", "N": 1})).await;
    sender.acked(json!({"body": "last", "n": 1})).await;
    assert_eq!(bodies(&client.recv_before("last").await), ["a float"]);
}

#[tokio::test]
async fn who_loses_a_row_is_told_to_delete_it_and_nothing_more() {
    let server = server().await;
    let (mut help, mut other) = (
        server.subscribe("/chat?topic=Help").await,
        server.subscribe("/chat?topic=Other").await,
    );
    let mut sender = server.connect("/chat").await;
    sender
        .acked(json!({"body": "secret soon", "topic": "Help"}))
        .await;
    let id = sender.recv().await["id"].clone();
    sender
        .acked(json!({"_method": "PUT", "id": id, "topic": "Other", "body": "secret"}))
        .await;
    sender
        .acked(json!({"_method": "PUT", "id": id, "body": "more secret"}))
        .await;
    sender.acked(json!({"_method": "DELETE", "id": id})).await;
    sender.acked(json!({"body": "last", "topic": "Help"})).await;
    sender
        .acked(json!({"body": "last", "topic": "Other"}))
        .await;
    let mut seen = help.recv_before("last").await;
    for frame in &mut seen {
        assert!(
            frame
                .as_object_mut()
                .unwrap()
                .shift_remove("_position")
                .is_some()
        );
    }
    assert_eq!(seen.len(), 2, "a POST, and its end: {seen:?}");
    assert_eq!(
        seen[1],
        json!({"_method": "DELETE", "id": id}),
        "no value that the filter hides"
    );
    let methods: Vec<_> = other
        .recv_before("last")
        .await
        .iter()
        .map(|e| e["_method"].clone())
        .collect();
    assert_eq!(methods, ["PUT", "PUT", "DELETE"]);
}

#[tokio::test]
async fn a_delete_is_shown_to_those_who_had_the_row() {
    let server = server().await;
    let mut help = server.subscribe("/chat?topic=Help").await;
    let mut sender = server.connect("/chat").await;
    for topic in ["Help", "Other"] {
        sender.acked(json!({"body": topic, "topic": topic})).await;
        let id = sender.recv().await["id"].clone();
        sender.acked(json!({"_method": "DELETE", "id": id})).await;
        sender.recv().await;
    }
    sender.acked(json!({"body": "last", "topic": "Help"})).await;
    let methods: Vec<_> = help
        .recv_before("last")
        .await
        .iter()
        .map(|e| e["_method"].clone())
        .collect();
    assert_eq!(methods, ["POST", "DELETE"]);
}

#[tokio::test]
async fn bad_filters_say_why_and_close_4400() {
    let server = server().await;
    for (query, words) in [
        ("nosuch=1", ["nosuch", "topic"]),
        ("n=abc", ["n=abc", "whole number"]),
        ("n>2", ["n>2", "`n>=2`"]),
        ("topc=x", ["topc", "`topic`"]),
        ("n>=", ["n>", "no value"]),
        ("n~=1", ["n~", "whole number"]),
        (
            "timestamp>=1700000000000",
            ["1700000000000", "seconds since 1970"],
        ),
        ("_limit=abc", ["_limit=abc", "whole number"]),
        ("_offset=-1", ["_offset=-1", "whole number"]),
        ("_sort=nosuch", ["_sort=nosuch", "topic"]),
        ("_c=nosuch", ["_c=nosuch", "topic"]),
        ("_by=nosuch", ["_by=nosuch", "topic"]),
        ("_by=topic&_c=n|median", ["median", "`max`"]),
        ("_by=topic&_c=topic|sum", ["topic|sum", "text"]),
        ("_by=topic&_c=n", ["_c=n", "n|max"]),
        ("n|max>=3", ["n|max>", "`_by`"]),
        ("done=perhaps", ["done=perhaps", "true or false"]),
    ] {
        let mut client = server.connect(&format!("/chat?{query}")).await;
        let error = client.recv().await["_error"].take();
        assert_eq!(error["code"], "bad_filter", "{query}");
        let message = error["message"].as_str().unwrap();
        assert!(
            words.iter().all(|word| message.contains(word)),
            "{query}: {message}"
        );
        assert_eq!(client.closed().await.0, 4400, "{query}");
    }
    let mut reserved = server.connect("/chat?_nosuch=1&_after=").await;
    reserved.history().await;
}
