//! How fast clients may send and connect. The rates are so low that no bucket fills up
//! again while a test runs.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Setup, TestClient, TestServer, within};

const DAY: u64 = 24 * 60 * 60 * 1_000;

async fn server(rate: &str) -> TestServer {
    Setup::new(&config(rate)).start().await
}

fn config(rate: &str) -> String {
    format!("[endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nrate = {rate}\n")
}

/// The error of a message over a limit of 1/d, but for the time to wait, which is checked.
#[track_caller]
fn limit_of(error: &Value) -> String {
    assert_eq!(error["code"], "rate_limited", "{error}");
    let details = &error["details"];
    let wait = details["retry_ms"].as_u64().expect("milliseconds");
    assert!((1..=DAY).contains(&wait), "{error}");
    assert_eq!(details["rate"], "1/d");
    let sentence = error["message"].as_str().expect("a sentence");
    assert!(sentence.contains(&format!("{wait} ms")), "{sentence}");
    details["limit"].as_str().expect("a limit").to_owned()
}

#[tokio::test]
async fn what_a_connection_sends_beyond_its_burst_is_refused_and_leaves_no_trace() {
    let server = server(r#"{ connection = "1/d burst 3" }"#).await;
    let mut client = server.connect("/chat").await;
    for number in 0..3 {
        client
            .acked(json!({"body": format!("taken {number}")}))
            .await;
    }
    let error = client.refused(json!({"body": "too fast"})).await;
    assert_eq!(limit_of(&error), "connection");

    // Another connection has a bucket of its own, and sees what was taken and no more.
    let mut other = server.subscribe("/chat").await;
    other.acked(json!({"body": "from another"})).await;
    let rows: i64 = server
        .database()
        .query_row("SELECT count(*) FROM chat", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(rows, 4);
    let metric = "hookcast_rate_limited_total";
    let words = ["endpoint=\"chat\"", "limit=\"connection\""];
    assert!((server.metric(metric, &words).await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn frames_that_are_no_messages_count_too() {
    let server = server(r#"{ connection = "1/d burst 3" }"#).await;
    let mut client = server.connect("/chat").await;
    client.send_text("not JSON").await;
    assert_eq!(client.recv().await["_error"]["code"], "bad_json");
    client.send_text(&"x".repeat(70_000)).await;
    assert_eq!(client.recv().await["_error"]["code"], "too_large");
    client.send_frame(Message::binary(vec![0xff])).await;
    assert_eq!(client.recv().await["_error"]["code"], "bad_json");

    client.send_text("not JSON").await;
    assert_eq!(limit_of(&client.recv().await["_error"]), "connection");
    client.send_text(&"x".repeat(70_000)).await;
    assert_eq!(limit_of(&client.recv().await["_error"]), "connection");
    client.send_frame(Message::binary(vec![0xff])).await;
    assert_eq!(limit_of(&client.recv().await["_error"]), "connection");
}

#[cfg(javascript_runtime)]
#[tokio::test]
async fn a_user_s_connections_share_a_limit_and_others_do_not() {
    const BY_NAME: &str = r#"
        export function connect() {
            const [name] = context.args()._name ?? [];
            return name ? { user: { id: name } } : null;
        }
    "#;
    let endpoints = format!(
        "{}plugins = [\"names\"]\n",
        config(r#"{ user = "1/d burst 2" }"#)
    );
    let server = Setup::new(&endpoints)
        .script("names.js", BY_NAME)
        .start()
        .await;
    let mut one = server.connect("/chat?_name=ann").await;
    let mut two = server.connect("/chat?_name=ann").await;
    one.acked(json!({"body": "1"})).await;
    // Without an id: those of one user are the same on both.
    two.send(json!({"body": "2"})).await;
    two.recv_until(|frame| frame["body"] == "2").await;
    for client in [&mut one, &mut two] {
        let error = client.refused(json!({"body": "3"})).await;
        assert_eq!(limit_of(&error), "user");
    }
    let mut bob = server.connect("/chat?_name=bob").await;
    bob.acked(json!({"body": "from bob"})).await;
    let mut nobody = server.connect("/chat").await;
    for number in 0..3 {
        nobody
            .acked(json!({"body": format!("anonymous {number}")}))
            .await;
    }
}

#[tokio::test]
async fn the_connections_of_an_address_share_a_limit() {
    let server = server(r#"{ address = "1/d burst 2" }"#).await;
    let mut one = server.connect("/chat").await;
    let mut two = server.connect("/chat").await;
    one.acked(json!({"body": "1"})).await;
    two.acked(json!({"body": "2"})).await;
    let error = one.refused(json!({"body": "3"})).await;
    assert_eq!(limit_of(&error), "address");
    let mut other = TestClient::connect_by("127.0.0.9", &server.url("/chat")).await;
    other.acked(json!({"body": "from another address"})).await;
}

#[tokio::test]
async fn handshakes_beyond_the_limit_are_told_when_to_come_again() {
    let server = server(r#"{ connects = "1/d burst 2" }"#).await;
    let mut one = server.connect("/chat").await;
    let accepted = within("the answer", handshake(&server)).await;
    assert!(accepted[0].contains(" 101 "), "{accepted:?}");
    let counts = |line: &String| line.contains("ratelimit");
    assert!(
        !accepted.iter().any(counts),
        "Gramex's headers: {accepted:?}"
    );
    let (status, body) = server.refused("/chat", &[]).await;
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));

    let refused = within("the refusal", handshake(&server)).await;
    let seconds = refused
        .iter()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let seconds: u64 = seconds.expect("a header").parse().expect("seconds");
    assert!((1..=DAY / 1_000).contains(&seconds), "{seconds}");

    // Those who are there are not concerned.
    one.acked(json!({"body": "still here"})).await;
    let metric = "hookcast_rate_limited_total";
    let refused = server.metric(metric, &["limit=\"connects\""]).await;
    assert!((refused - 2.0).abs() < f64::EPSILON);
}

/// A request is a connection of its own, so it counts for its user and its address.
#[tokio::test]
async fn messages_by_http_count_like_those_of_sockets() {
    let server = server(r#"{ address = "1/d burst 2" }"#).await;
    let mut client = server.connect("/chat").await;
    client.acked(json!({"body": "by the socket"})).await;
    let posted = json!({"body": "by HTTP"});
    let answer = server.publish("POST", "/chat", posted.clone()).await;
    answer.position(201);
    let refused = server.publish("POST", "/chat", posted).await;
    assert_eq!(refused.problem(429), "rate_limited");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=DAY / 1_000).contains(&seconds), "{seconds}");
}

/// Behind a proxy each client has an address of its own, as the proxy names it.
#[tokio::test]
async fn clients_count_by_the_address_that_a_trusted_proxy_names() {
    let proxy = "[auth.proxy]\nnetworks = [\"127.0.0.0/8\"]\n";
    let config = config(r#"{ connects = "1/d" }"#);
    let server = Setup::new(&format!("{proxy}{config}")).start().await;
    for (address, status) in [("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)] {
        let forwarded = [("x-forwarded-for", address)];
        let answer = server
            .http_with("GET", "/chat", &forwarded, String::new())
            .await;
        assert_eq!(answer.status, status, "{address}: {}", answer.text);
    }
}

/// The head of the answer to a handshake, in small letters.
async fn handshake(server: &TestServer) -> Vec<String> {
    let mut stream = TcpStream::connect(&server.address).await.expect("a socket");
    let request = format!(
        "GET /chat HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut lines = BufReader::new(stream).lines();
    let mut head = Vec::new();
    while let Some(line) = lines.next_line().await.expect("a line") {
        if line.is_empty() {
            break;
        }
        head.push(line.to_lowercase());
    }
    head
}

#[tokio::test]
async fn a_reload_applies_other_rates_and_keeps_what_is_used_of_the_same() {
    let mut server = server(r#"{ connection = "1/d" }"#).await;
    let mut client = server.connect("/chat").await;
    client.acked(json!({"body": "1"})).await;
    client.refused(json!({"body": "2"})).await;

    let same = config(r#"{ connection = "1/d" }"#) + "history_rows = 7\n";
    server.write_config(&same);
    server.api("POST", "/api/reload").await.ok();
    let error = client.refused(json!({"body": "3"})).await;
    assert_eq!(limit_of(&error), "connection");

    server.write_config(&config(r#"{ connection = "1/d burst 2" }"#));
    server.api("POST", "/api/reload").await.ok();
    client.acked(json!({"body": "4"})).await;
    client.acked(json!({"body": "5"})).await;
    client.refused(json!({"body": "6"})).await;
    server.restart().await;
}
