//! What requests may cost, and what is left of a call that sent some.

use serde_json::{Value, json};

use super::{fetch, fetched, grant, server};
use crate::support::database;
use crate::support::http::{Behaviour, HttpServer};

#[tokio::test]
async fn a_call_has_so_many_requests() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let server = server(&[grant(&echo)], "http_calls = 2").await;
    let mut client = server.subscribe("/chat").await;
    for _ in 0..2 {
        let answers = fetch(&mut client, json!({"url": echo.url(), "times": 3})).await;
        assert_eq!(answers[1]["status"], 200, "{answers:?}");
        assert_eq!(answers[2]["error"], "limit", "{answers:?}");
    }
    assert_eq!(echo.requests(), 4, "each call counts anew");
    server.log.with(&["WARN", "`limits.http_calls`"]).await;
}

#[tokio::test]
async fn a_call_has_so_many_bytes() {
    let limits = "http_bytes = '64 KiB'\nhttp_calls = 10";
    let says = |head: &str| Behaviour::Says(format!("HTTP/1.1 200 OK\r\n{head}"));
    let endless = |head: &str, piece: &str| {
        Behaviour::Endless(format!("HTTP/1.1 200 OK\r\n{head}"), piece.to_owned())
    };
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let echo = HttpServer::start(Behaviour::Echo).await;
    for (behaviour, code) in [
        // Known before anything of the body is read.
        (says("content-length: 70000\r\n\r\n"), "limit"),
        (endless("\r\n", "x"), "interrupted"),
        (
            endless("transfer-encoding: chunked\r\n\r\n", &chunk),
            "interrupted",
        ),
        (
            endless("", &format!("x: {}\r\n", "x".repeat(1_000))),
            "limit",
        ),
    ] {
        let mut bad = HttpServer::start(behaviour).await;
        let server = server(&[grant(&bad), grant(&echo)], limits).await;
        let mut client = server.subscribe("/chat").await;
        let answer = fetched(&mut client, json!({"url": bad.url()})).await;
        assert_eq!(answer["error"], code, "{answer}");
        bad.ended().await;
    }
    let server = server(&[grant(&echo)], limits).await;
    let mut client = server.subscribe("/chat").await;
    let large = json!({"url": echo.url(), "method": "POST", "size": 70_000});
    let answer = fetched(&mut client, large).await;
    assert_eq!(answer["error"], "limit", "{answer}");
    // Both ways count: four times 20 kB are 80 kB.
    let twice = json!({"url": echo.url(), "method": "POST", "size": 20_000, "times": 2});
    let answers = fetch(&mut client, twice).await;
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    assert_eq!(answers[1]["error"], "limit", "{answers:?}");
    server.log.with(&["WARN", "`limits.http_bytes`"]).await;
}

#[tokio::test]
async fn a_request_has_so_much_time() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nslow";
    for (said, code) in [
        ("", "timeout"),
        ("HTTP/1.1 2", "timeout"),
        (head, "interrupted"),
    ] {
        let mut slow = HttpServer::start(Behaviour::Stalls(said.to_owned())).await;
        let server = server(&[grant(&slow)], "http_time = '200ms'").await;
        let mut client = server.subscribe("/chat").await;
        let answer = fetched(&mut client, json!({"url": slow.url()})).await;
        assert_eq!(answer["error"], code, "{said:?}: {answer}");
        server.log.with(&["WARN", "`limits.http_time`"]).await;
        slow.ended().await;
    }
}

#[tokio::test]
async fn the_calls_own_time_ends_its_requests_and_disturbs_nobody() {
    let mut stuck = HttpServer::start(Behaviour::Stalls(String::new())).await;
    let server = server(&[grant(&stuck)], "wall = '500ms'").await;
    let mut client = server.subscribe("/chat").await;
    let mut neighbour = server.subscribe("/chat").await;
    let mut other = server.subscribe("/other").await;
    client
        .send(json!({"body": "one", "fetch": stuck.url()}))
        .await;
    neighbour.acked(json!({"body": "two"})).await;
    other.acked(json!({"body": "three"})).await;
    let error = client
        .recv_until(|frame| frame.get("_error").is_some())
        .await
        .1;
    assert_eq!(error["_error"]["code"], "plugin_timeout", "{error}");
    stuck.ended().await;
    // Nothing of the message is left: no effect, no row.
    client.acked(json!({"body": "last"})).await;
    let seen = client.recv_before("last").await;
    assert!(seen.iter().all(|frame| frame["body"] == "two"), "{seen:?}");
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_hook_that_fails_after_a_request_leaves_no_trace() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let server = server(&[grant(&echo)], "").await;
    let mut client = server.subscribe("/chat").await;
    for (then, code) in [("trap", "plugin_failed"), ("reject", "told")] {
        let message = json!({"body": "never", "fetch": echo.url(), "then": then});
        let error = client.refused(message).await;
        assert_eq!(error["code"], code, "{error}");
    }
    assert_eq!(echo.requests(), 2, "the requests were sent");
    client.acked(json!({"body": "last"})).await;
    assert_eq!(client.recv_before("last").await, Vec::<Value>::new());
    let log = database::log(&server.database(), "chat");
    assert_eq!(log.len(), 1, "nothing else was logged");
}

#[tokio::test]
async fn what_a_guest_keeps_of_a_response_ends_with_its_call() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nslow".to_owned();
    let mut slow = HttpServer::start(Behaviour::Stalls(head)).await;
    let limits = "http_concurrent = 1";
    let server = server(&[grant(&slow)], limits).await;
    let mut client = server.subscribe("/chat").await;
    let host = format!("127.0.0.1:{}", slow.port);
    for _ in 0..3 {
        client.send(json!({"_type": "keep", "host": host})).await;
        let answer = client.recv().await;
        // With one connection at a time, the next call gets through only if this one's
        // is gone; and an instance that keeps something serves no second call.
        assert_eq!(answer["result"], 1, "{answer}");
        slow.ended().await;
    }
    server.log.with(&["WARN", "costs it its instance"]).await;
}
