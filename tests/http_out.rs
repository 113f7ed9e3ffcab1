//! HTTP requests of plugins: to whom they may go, and what they may cost.

use serde_json::{Value, json};

use crate::support::http::{Behaviour, HttpServer};
use crate::support::{Setup, TestClient, TestServer, database};

/// A server whose plugin `caller` has these grants and limits. Time is ample unless a
/// test says otherwise: only what a test is about may refuse.
async fn server(grants: &[String], limits: &str) -> TestServer {
    setup(grants, limits).start().await
}

fn setup(grants: &[String], limits: &str) -> Setup {
    let time = if limits.contains("http_time") {
        ""
    } else {
        "http_time = '25s'"
    };
    let wall = if limits.contains("wall") {
        ""
    } else {
        "wall = '30s'"
    };
    Setup::new(&format!(
        "[plugins.caller]
        grants = {grants:?}
        [plugins.caller.limits]
        {time}
        {wall}
        {limits}
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        columns.fetched = 'TEXT'
        plugins = ['caller']
        [endpoints.other]
        path = '/other'
        columns.body = 'TEXT'"
    ))
    .guest("caller")
}

fn grant(server: &HttpServer) -> String {
    format!("http:127.0.0.1:{}", server.port)
}

/// What came of each request that the message asks for.
async fn fetch(client: &mut TestClient, mut message: Value) -> Vec<Value> {
    message["_type"] = "fetch".into();
    client.send(message).await;
    let answer = client.recv().await;
    let results = answer["result"].as_array();
    results
        .unwrap_or_else(|| panic!("no results: {answer}"))
        .clone()
}

/// What came of one request.
async fn fetched(client: &mut TestClient, message: Value) -> Value {
    fetch(client, message).await.remove(0)
}

#[tokio::test]
async fn a_granted_host_answers() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let server = server(&[grant(&echo)], "").await;
    let mut client = server.subscribe("/chat").await;
    let request = json!({"url": echo.url(), "method": "POST", "body": "grüße"});
    let answer = fetched(&mut client, request).await;
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(answer["body"], "grüße");
    // Larger than any piece on its way.
    let request = json!({"url": echo.url(), "method": "POST", "size": 200_000});
    let answer = fetched(&mut client, request).await;
    assert_eq!(answer["body"].as_str().map(str::len), Some(200_000));
}

#[tokio::test]
async fn prepare_fetches_and_stores() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let server = server(&[grant(&echo)], "").await;
    let mut client = server.subscribe("/chat").await;
    client
        .acked(json!({"body": "one", "fetch": echo.url()}))
        .await;
    let (before, event) = client.recv_until(|frame| frame["body"] == "one").await;
    assert_eq!(before, [json!({"_effect": "fetching"})]);
    assert_eq!(event["fetched"], r#"{"body":"one"}"#, "{event}");
}

#[tokio::test]
async fn a_component_without_grant_is_refused_at_load() {
    let mut server = setup(&[], "").prepare();
    let output = server.command().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for words in [
        "`wasi:http/types@0.2.12`",
        "`wasi:http/outgoing-handler@0.2.12`",
        "add the hosts that it may call to `grants` of [plugins.caller]",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    server.kill();
}

#[tokio::test]
async fn other_hosts_are_refused_and_the_log_names_the_grant() {
    let (echo, other) = (
        HttpServer::start(Behaviour::Echo).await,
        HttpServer::start(Behaviour::Echo).await,
    );
    let server = server(&[grant(&echo)], "").await;
    let mut client = server.subscribe("/chat").await;
    let answer = fetched(&mut client, json!({"url": other.url()})).await;
    assert_eq!(answer["error"], "denied", "{answer}");
    let missing = format!("add \"{}\" to `grants` of [plugins.caller]", grant(&other));
    server.log.with(&["WARN", &missing]).await;
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn a_name_of_this_machine_needs_a_grant_of_its_own() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let port = echo.port;
    let by_name = server(&[format!("http:localhost:{port}")], "").await;
    let mut client = by_name.subscribe("/chat").await;
    let request = json!({"url": format!("http://localhost:{port}/")});
    let answer = fetched(&mut client, request.clone()).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let answer = fetched(&mut client, json!({"url": echo.url()})).await;
    assert_eq!(
        answer["error"], "denied",
        "a grant for a name is none for its address"
    );

    let by_address = server(&[grant(&echo)], "").await;
    let mut client = by_address.subscribe("/chat").await;
    let answer = fetched(&mut client, request).await;
    assert_eq!(answer["error"], "denied", "nor the other way round");
    assert_eq!(echo.requests(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let inner = HttpServer::start(Behaviour::Echo).await;
    let target = inner.url();
    let head = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    let redirects = HttpServer::start(Behaviour::Says(head)).await;
    let server = server(&[grant(&redirects)], "").await;
    let mut client = server.subscribe("/chat").await;
    let answer = fetched(&mut client, json!({"url": redirects.url()})).await;
    assert_eq!(answer["status"], 302, "{answer}");
    // The plugin follows it by a request of its own, which is checked like the first.
    let answer = fetched(&mut client, json!({"url": answer["location"]})).await;
    assert_eq!(answer["error"], "denied", "{answer}");
    assert_eq!(inner.requests(), 0);
}

#[tokio::test]
async fn headers_that_are_the_hosts_are_refused() {
    let echo = HttpServer::start(Behaviour::Echo).await;
    let server = server(&[grant(&echo)], "").await;
    let mut client = server.subscribe("/chat").await;
    for name in [
        "host",
        "connection",
        "transfer-encoding",
        "upgrade",
        "proxy-authorization",
    ] {
        let request = json!({"url": echo.url(), "headers": {name: "x"}});
        let answer = fetched(&mut client, request).await;
        assert_eq!(answer["error"], "invalid", "{name}: {answer}");
    }
    assert_eq!(echo.requests(), 0);
}

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

#[tokio::test]
async fn requests_of_one_plugin_wait_for_one_another() {
    let stuck = HttpServer::start(Behaviour::Stalls(String::new())).await;
    let echo = HttpServer::start(Behaviour::Echo).await;
    let grants = [grant(&stuck), grant(&echo)];
    let server = server(&grants, "http_concurrent = 1\nhttp_time = '1s'").await;
    let mut first = server.subscribe("/chat").await;
    let mut second = server.subscribe("/chat").await;
    first
        .send(json!({"_type": "fetch", "url": stuck.url()}))
        .await;
    crate::support::eventually("the first request to arrive", async || {
        (stuck.requests() == 1).then_some(())
    })
    .await;
    // Its turn comes when the first has run out of time, or its own time ends before.
    let answer = fetched(&mut second, json!({"url": echo.url()})).await;
    let waited = answer["status"] == 200 || answer["error"] == "limit";
    assert!(waited, "{answer}");
    assert_eq!(first.recv().await["result"][0]["error"], "timeout");
    let answer = fetched(&mut second, json!({"url": echo.url()})).await;
    assert_eq!(answer["status"], 200, "{answer}");
}

#[tokio::test]
async fn tls_trusts_the_operators_roots_and_checks_the_name() {
    let (tls, root) = HttpServer::start_tls(Behaviour::Echo).await;
    let port = tls.port;
    let by_name = format!("https://localhost:{port}/");
    let grants = [
        format!("http:localhost:{port}"),
        format!("http:127.0.0.1:{port}"),
    ];
    let mut trusting = setup(&grants, "")
        .engine_keys("http_roots = 'roots.pem'")
        .prepare();
    std::fs::write(trusting.folder().join("roots.pem"), root).unwrap();
    trusting.start().await;
    let mut client = trusting.subscribe("/chat").await;
    let request = json!({"url": by_name, "method": "POST", "body": "secret"});
    let answer = fetched(&mut client, request.clone()).await;
    assert_eq!(answer["body"], "secret", "{answer}");
    let by_address = format!("https://127.0.0.1:{port}/");
    let answer = fetched(&mut client, json!({"url": by_address})).await;
    assert_eq!(answer["error"], "unavailable", "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("TlsCertificateError"), "{message}");

    let suspicious = server(&grants, "").await;
    let mut client = suspicious.subscribe("/chat").await;
    let answer = fetched(&mut client, request).await;
    assert_eq!(answer["error"], "unavailable", "{answer}");
    suspicious
        .log
        .with(&["WARN", "no TLS with `localhost:"])
        .await;
    assert_eq!(tls.requests(), 1);
}

#[tokio::test]
async fn roots_that_are_none_keep_the_server_from_starting() {
    let server = setup(&["http:example.com".into()], "")
        .engine_keys("http_roots = 'roots.pem'")
        .prepare();
    for (written, says) in [
        (None, "can't be read as PEM"),
        (Some("no PEM"), "has no certificate"),
    ] {
        if let Some(text) = written {
            std::fs::write(server.folder().join("roots.pem"), text).unwrap();
        }
        let output = server.command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(
            said.contains("`engine.http_roots`: roots.pem") && said.contains(says),
            "{said}"
        );
    }
}
