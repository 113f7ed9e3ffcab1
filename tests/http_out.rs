//! HTTP requests of plugins: to whom they may go. What they may cost is in `limits`.

use serde_json::{Value, json};

use crate::support::http::{Behaviour, HttpServer};
use crate::support::{Setup, TestClient, TestServer};

mod limits;

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
    let server = server(&[grant(&echo)], "output = '1 MiB'").await;
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
