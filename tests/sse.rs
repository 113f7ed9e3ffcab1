//! `GET` with `Accept: text/event-stream`: history, then live, as server-sent events.

use serde_json::{Value, json};

use crate::support::{EventStream, Setup, TestServer, eventually};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    ping = "1s"
    write_timeout = "1h"
    [endpoints.impatient]
    path = "/impatient"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    ring = "64 KiB"
    write_timeout = "1s"
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
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest("relay").guest("chat");
    setup.start().await
}

async fn open(server: &TestServer, path: &str) -> EventStream {
    EventStream::open(&server.address, path, &[]).await
}

async fn resume(server: &TestServer, path: &str, id: &str) -> EventStream {
    EventStream::open(&server.address, path, &[("last-event-id", id)]).await
}

async fn post(server: &TestServer, message: Value) -> String {
    server.publish("POST", "/chat", message).await.position(201)
}

#[tokio::test]
async fn history_comes_first_and_events_have_their_position_as_id() {
    let server = server().await;
    let last = post(&server, json!({"body": "before", "topic": "a"})).await;
    post(&server, json!({"body": "not this", "topic": "b"})).await;
    let mut stream = open(&server, "/chat?topic=a").await;
    let row = stream.next().await.unwrap();
    assert_eq!((&row.data["body"], &*row.id), (&json!("before"), ""));
    let start = stream.id().await;
    assert_ne!(start, last, "the head, which is another message's");

    let posted = post(&server, json!({"body": "live", "topic": "a"})).await;
    let event = stream.next().await.unwrap();
    assert_eq!((&*event.kind, &*event.id), ("message", &*posted));
    assert_eq!(event.data["_method"], "POST");
    assert_eq!(event.data.get("_position"), None, "nobody has asked for it");

    // A row that leaves the filter is gone for this subscriber.
    let id = event.data["id"].clone();
    server
        .publish("PUT", "/chat", json!({"id": id, "topic": "b"}))
        .await
        .position(200);
    let gone = stream.recv().await;
    assert_eq!(gone, json!({"_method": "DELETE", "id": id}));
}

#[tokio::test]
async fn who_asks_for_positions_gets_them_as_on_a_websocket() {
    let server = server().await;
    let mut stream = open(&server, "/chat?_after=").await;
    let end = stream.next().await.unwrap();
    assert_eq!(end.data["_history"], json!({"rows": 0, "position": end.id}));
    let posted = post(&server, json!({"body": "live"})).await;
    let event = stream.next().await.unwrap();
    assert_eq!(
        (&event.data["_position"], &event.id),
        (&json!(posted), &posted)
    );
}

#[tokio::test]
async fn a_quiet_stream_has_heartbeats() {
    let server = server().await;
    let mut stream = open(&server, "/chat").await;
    stream.id().await;
    stream.heartbeat().await;
    stream.heartbeat().await;
    post(&server, json!({"body": "live"})).await;
    assert_eq!(stream.recv().await["body"], "live");
}

#[tokio::test]
async fn what_can_not_begin_is_a_problem_and_no_stream() {
    let server = server().await;
    let accept = [("accept", "text/event-stream")];
    for (path, status, code) in [
        ("/chat?colour=red", 400, "bad_filter"),
        ("/told?refuse=401", 401, "rejected"),
    ] {
        let answer = server.http_with("GET", path, &accept, String::new()).await;
        assert_eq!(answer.problem(status), code);
    }
}

#[tokio::test]
async fn plugins_can_talk_to_a_stream_and_close_it() {
    let server = server().await;
    let mut stream = open(&server, "/greeted").await;
    assert_eq!(stream.recv().await["_greeting"], "Welcome to greeted.");

    let mut stream = open(&server, "/told?force_topic=a").await;
    let mut sender = server.connect("/told?force_topic=z").await;
    let shown = eventually("the stream to be listed", async || {
        let shown = server.api("GET", "/api/connections").await.ok();
        let connections = shown["connections"].as_array()?.clone();
        let mut told = connections
            .iter()
            .filter(|one| one["endpoint"] == "told" && one["args"][0][1][0] == "a");
        told.next().cloned()
    })
    .await;
    let close = json!({
        "_type": "close", "connection": shown["id"], "code": 4403, "reason": "enough",
    });
    sender.acked(close).await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.kind, "close");
    assert_eq!(event.data, json!({"code": 4403, "reason": "enough"}));
    assert!(
        stream.retry.unwrap() >= 30_000,
        "not a case for coming back at once"
    );
    assert!(stream.next().await.is_none(), "the stream has ended");
    let left = sender
        .recv_until(|frame| frame["_left"] == shown["id"])
        .await;
    assert_eq!(left.1["code"], 1000);
}

#[tokio::test]
async fn a_stopping_server_says_when_to_come_back() {
    let mut server = server().await;
    let mut stream = open(&server, "/chat").await;
    stream.id().await;
    post(&server, json!({"body": "last"})).await;
    server.terminate();
    assert_eq!(stream.recv().await["body"], "last");
    let event = stream.next().await.unwrap();
    assert_eq!((&*event.kind, &event.data["code"]), ("close", &json!(1001)));
    assert!((1_000..=2_000).contains(&stream.retry.unwrap()));
    assert!(stream.next().await.is_none());
    assert_eq!(server.ended().await.code(), Some(0));
}

/// Reads up to `last`, by `n`.
async fn read(stream: &mut EventStream, seen: &mut Vec<i64>, last: i64) {
    while seen.last() != Some(&last) {
        let event = stream.next().await.expect("an event before the end");
        seen.push(event.data["n"].as_i64().unwrap());
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_across_restarts() {
    let mut server = server().await;
    let mut stream = open(&server, "/chat").await;
    let mut id = stream.id().await;
    let mut seen = Vec::new();
    let mut n = 0;
    for kill in [false, true, false] {
        for _ in 0..20 {
            post(&server, json!({"n": n})).await;
            n += 1;
        }
        // It breaks off in the middle of what was sent.
        let last = n - 10;
        read(&mut stream, &mut seen, last).await;
        id.clone_from(&stream.last_id);
        if kill {
            server.kill();
            server.start().await;
        } else {
            drop(stream);
            server.restart().await;
        }
        post(&server, json!({"n": n})).await;
        n += 1;
        stream = resume(&server, "/chat", &id).await;
    }
    read(&mut stream, &mut seen, n - 1).await;
    assert_eq!(
        seen,
        (0..n).collect::<Vec<_>>(),
        "no gap, no duplicate, one order"
    );
}

#[tokio::test]
async fn a_stream_that_comes_back_under_load_misses_and_repeats_nothing() {
    let server = server().await;
    let mut stream = open(&server, "/chat?topic=a").await;
    let mut id = stream.id().await;
    let url = server.url("/chat?body=-");
    let writer = tokio::spawn(async move {
        let mut client = crate::support::TestClient::connect(&url, &[])
            .await
            .unwrap();
        for n in 0..2_000 {
            let topic = ["a", "b"][n % 2];
            client.send(json!({"n": n, "topic": topic})).await;
        }
        client.acked(json!({"n": 2_000, "topic": "a"})).await;
    });
    let mut seen: Vec<i64> = Vec::new();
    while seen.last() != Some(&2_000) {
        for _ in 0..50 {
            let event = stream.next().await.expect("an event before the end");
            seen.push(event.data["n"].as_i64().unwrap());
            if seen.last() == Some(&2_000) {
                break;
            }
        }
        id.clone_from(&stream.last_id);
        drop(stream);
        stream = resume(&server, "/chat?topic=a", &id).await;
    }
    writer.await.unwrap();
    assert_eq!(seen, (0..=2_000).step_by(2).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_id_that_is_not_known_is_reset() {
    let server = server().await;
    post(&server, json!({"body": "kept"})).await;
    let mut stream = resume(&server, "/chat", "0123456789abcdef-7").await;
    assert_eq!(stream.recv().await["_reset"]["reason"], "unknown_position");
    assert_eq!(stream.recv().await["body"], "kept");
    post(&server, json!({"body": "live"})).await;
    assert_eq!(stream.recv().await["body"], "live");
}

/// Sends until a stream that does not read has fallen behind; returns how many.
async fn overwhelm(server: &TestServer, name: &str) -> i64 {
    let mut writer = server.connect(&format!("/{name}?n=-1")).await;
    let body = "x".repeat(32 << 10);
    let mut sent = 0;
    while server.endpoint(name).await["lagging_connections"] == 0 {
        for _ in 0..16 {
            writer.acked(json!({"body": body, "n": sent})).await;
            sent += 1;
        }
        assert!(sent < 30_000, "nobody becomes a cursor");
    }
    for _ in 0..48 {
        writer.acked(json!({"body": body, "n": sent})).await;
        sent += 1;
    }
    sent
}

#[tokio::test]
async fn a_slow_reader_becomes_a_cursor_and_gets_everything() {
    let server = server().await;
    let mut stream = EventStream::open_narrow(&server.address, "/chat").await;
    stream.id().await;
    let sent = overwhelm(&server, "chat").await;
    for n in 0..sent {
        assert_eq!(stream.recv().await["n"], n, "each once, in order");
    }
    eventually("the cursor to be live again", async || {
        (server.endpoint("chat").await["lagging_connections"] == 0).then_some(())
    })
    .await;
    post(&server, json!({"body": "live"})).await;
    assert_eq!(stream.recv().await["body"], "live");
}

#[tokio::test]
async fn who_takes_no_bytes_is_given_up() {
    let server = server().await;
    let mut stream = EventStream::open_narrow(&server.address, "/impatient").await;
    stream.id().await;
    let body = "x".repeat(32 << 10);
    let mut sent = 0;
    // Until the kernel takes no more for it, and a second longer.
    while server.endpoint("impatient").await["connections"] != 0 {
        let message = json!({"body": body, "n": sent});
        server
            .publish("POST", "/impatient", message)
            .await
            .position(201);
        sent += 1;
        assert!(sent < 30_000, "nobody is given up");
    }
    // The TCP connection has ended with it: what is left to read comes to an end.
    let mut seen = 0;
    while let Some(event) = stream.next().await {
        assert_eq!(event.data["n"], seen, "what arrived is whole and in order");
        seen += 1;
    }
    assert!(seen < sent, "it did not get everything");
}
