//! `GET` without an upgrade: what a WebSocket would be sent first, as JSON.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    [endpoints.told]
    path = "/told"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    plugins = ["relay"]
    [endpoints.greeted]
    path = "/greeted"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["chat"]
    [endpoints.log]
    path = "/log"
    columns.body = "TEXT"
    history = "log"
    history_rows = 3
    [endpoints.short]
    path = "/short"
    columns.n = "INTEGER"
    history_rows = 2
    [endpoints.brief]
    path = "/brief"
    columns.body = "TEXT"
    history = "log"
    message_limit = "1 KiB"
    history_size = "1 KiB"
    [endpoints.fleeting]
    path = "/fleeting"
    durability = "ephemeral"
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest("relay").guest("chat");
    setup.start().await
}

async fn post(server: &TestServer, path: &str, message: Value) -> String {
    server.publish("POST", path, message).await.position(201)
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    let bodies = messages.iter().map(|message| message["body"].as_str());
    bodies.map(Option::unwrap).collect()
}

#[tokio::test]
async fn it_is_what_a_websocket_is_sent_with_the_same_filter() {
    let server = server().await;
    for (n, topic) in ["a", "b", "a", "c"].iter().enumerate() {
        post(
            &server,
            "/chat",
            json!({"body": format!("m{n}"), "topic": topic, "n": n}),
        )
        .await;
    }
    for query in [
        "",
        "?topic=a",
        "?topic=a&topic=c",
        "?topic=a&n=2",
        "?topic=nothing",
    ] {
        let separator = if query.is_empty() { '?' } else { '&' };
        let mut client = server
            .connect(&format!("/chat{query}{separator}_after="))
            .await;
        let answer = server.http("GET", &format!("/chat{query}")).await;
        assert_eq!(answer.content_type, "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.body.get("more"), None);
        let (messages, position) = answer.messages();
        let (rows, at) = client.history().await;
        assert_eq!(messages, rows, "{query}");
        assert_eq!(position, at);
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_used_is_a_problem() {
    let server = server().await;
    for query in ["colour=red", "n=many"] {
        let answer = server.http("GET", &format!("/chat?{query}")).await;
        assert_eq!(answer.problem(400), "bad_filter", "{query}");
    }
    for wait in ["", "5", "soon"] {
        let answer = server.http("GET", &format!("/chat?_wait={wait}")).await;
        assert_eq!(answer.problem(400), "bad_key", "{wait:?}");
    }
}

#[tokio::test]
async fn the_position_continues_where_the_answer_ended() {
    let server = server().await;
    post(&server, "/chat", json!({"body": "before"})).await;
    let (messages, position) = server.http("GET", "/chat").await.messages();
    assert_eq!(bodies(&messages), ["before"]);
    post(&server, "/chat", json!({"body": "after"})).await;

    let mut client = server.connect(&format!("/chat?_after={position}")).await;
    assert_eq!(client.recv().await["body"], "after", "on a WebSocket");
    let path = format!("/chat?_after={position}");
    let (messages, later) = server.http("GET", &path).await.messages();
    assert_eq!(bodies(&messages), ["after"], "and by another request");
    assert_eq!(messages[0]["_method"], "POST");
    assert_eq!(messages[0]["_position"], later);
    let path = format!("/chat?_after={later}");
    let (messages, same) = server.http("GET", &path).await.messages();
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(same, later);
}

#[tokio::test]
async fn a_position_that_is_not_known_is_reset() {
    let server = server().await;
    post(&server, "/chat", json!({"body": "only"})).await;
    let answer = server.http("GET", "/chat?_after=0123456789abcdef-7").await;
    let (messages, position) = answer.messages();
    assert_eq!(messages[0]["_reset"]["reason"], "unknown_position");
    assert_eq!(messages[1]["body"], "only");
    assert_eq!(
        messages[2]["_history"],
        json!({"rows": 1, "position": position})
    );
    assert_eq!(messages.len(), 3, "{messages:?}");
}

#[tokio::test]
async fn hooks_decide_who_reads_and_what() {
    let server = server().await;
    post(&server, "/told", json!({"body": "one", "topic": "a"})).await;
    post(&server, "/told", json!({"body": "two", "topic": "b"})).await;
    let answer = server.http("GET", "/told?refuse=401").await;
    assert_eq!(answer.problem(401), "rejected");
    let (messages, _) = server.http("GET", "/told?force_topic=b").await.messages();
    let seen: Vec<_> = messages
        .iter()
        .filter(|one| one.get("_left").is_none())
        .collect();
    assert_eq!(seen.len(), 1, "{messages:?}");
    assert_eq!(seen[0]["body"], "two");
}

#[tokio::test]
async fn a_greeting_is_not_for_a_connection_that_is_gone_in_a_moment() {
    let server = server().await;
    post(&server, "/greeted", json!({"body": "Hi"})).await;
    for _ in 0..20 {
        let (messages, _) = server.http("GET", "/greeted").await.messages();
        assert_eq!(bodies(&messages), ["Hi"]);
    }
}

#[tokio::test]
async fn history_from_the_log_and_its_bounds() {
    let server = server().await;
    for n in 0..5 {
        post(
            &server,
            "/log",
            json!({"body": format!("m{n}"), "extra": n}),
        )
        .await;
        post(&server, "/short", json!({"n": n})).await;
    }
    let (messages, position) = server.http("GET", "/log").await.messages();
    assert_eq!(bodies(&messages), ["m2", "m3", "m4"]);
    assert_eq!(messages[2]["extra"], 4, "as it was broadcast");
    let path = format!("/log?_after={position}");
    assert!(server.http("GET", &path).await.messages().0.is_empty());

    let (messages, _) = server.http("GET", "/short").await.messages();
    assert_eq!(
        (&messages[0]["n"], &messages[1]["n"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(messages[2]["_history_truncated"]["rows"], 2);
}

#[tokio::test]
async fn an_answer_that_is_full_says_so_and_the_next_goes_on() {
    let server = server().await;
    let body = "x".repeat(400);
    // On one connection, which waits for the disk once in a while only.
    let mut client = server.connect("/brief?body=-").await;
    for n in 0..2_000 {
        client.send(json!({"body": body, "n": n})).await;
    }
    client.acked(json!({"n": 2_000})).await;
    let mut path = "/brief?_after=".to_owned();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let answer = server.http("GET", &path).await;
        let more = answer.body["more"] == true;
        let (messages, position) = answer.messages();
        let numbers = messages.iter().filter_map(|message| message["n"].as_i64());
        seen.extend(numbers);
        pages += 1;
        if !more {
            break;
        }
        path = format!("/brief?_after={position}");
    }
    assert_eq!(seen, (0..=2_000).collect::<Vec<_>>());
    assert!(pages > 1, "one page holds all");
}

#[tokio::test]
async fn an_endpoint_that_keeps_nothing_answers_from_memory() {
    let server = server().await;
    let (messages, position) = server.http("GET", "/fleeting").await.messages();
    assert!(messages.is_empty(), "{messages:?}");
    let posted = post(&server, "/fleeting", json!({"body": "now"})).await;
    let path = format!("/fleeting?_after={position}");
    let (messages, at) = server.http("GET", &path).await.messages();
    assert_eq!(bodies(&messages), ["now"]);
    assert_eq!(at, posted);
}
