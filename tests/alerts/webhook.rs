//! Webhook calls beside mails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::http::{Behaviour, HttpServer};
use crate::support::{Setup, within};

/// A secret as the specification writes them.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[tokio::test]
async fn a_webhook_is_called_until_it_answers() {
    let (taken, mut calls) = mpsc::unbounded_channel();
    let hook = HttpServer::start(Behaviour::Takes(taken, 2)).await;
    let server = Setup::new(&format!(
        "[alerts]
        backoff = '20ms'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        [endpoints.chat.alert]
        name = 'desk'
        condition = \"msg.body != 'quiet'\"
        webhook = {{ url = '{}hooks/chat?x=1', secret = '{SECRET}' }}",
        hook.url()
    ))
    .start()
    .await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "quiet"})).await;
    client.acked(json!({"body": "loud", "extra": [1]})).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(within("a call", calls.recv()).await.expect("a call"));
    }
    let (head, body) = &seen[2];
    assert!(
        head.starts_with("POST /hooks/chat?x=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(header(head, "content-type"), "application/json");
    let (id, time) = (
        header(head, "webhook-id"),
        header(head, "webhook-timestamp"),
    );
    assert_eq!(
        header(&seen[0].0, "webhook-id"),
        id,
        "each try has the same id"
    );
    let key = STANDARD
        .decode(SECRET.trim_start_matches("whsec_"))
        .unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signature = header(head, "webhook-signature").trim_start_matches("v1,");
    let signed = format!("{id}.{time}.{body}");
    let signature = STANDARD.decode(signature).unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &signature).expect("a good signature");

    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["alert"], &body["endpoint"]),
        (&json!("desk"), &json!("chat"))
    );
    assert_eq!((&body["method"], &body["id"]), (&json!("POST"), &json!(id)));
    assert_eq!(body["message"]["extra"], json!([1]));
    assert_eq!(body["row"]["body"], "loud");
}

#[tokio::test]
async fn a_webhook_that_is_away_is_waited_for() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let server = Setup::new(&format!(
        "[alerts]
        backoff = '20ms'
        longest_backoff = '100ms'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        alert = {{ webhook = {{ url = 'http://{address}/' }} }}"
    ))
    .start()
    .await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x"})).await;
    server
        .log
        .with(&["WARN", "does not take them", "can't be reached"])
        .await;
    let (taken, mut calls) = mpsc::unbounded_channel();
    let _hook = HttpServer::start_at(address, Behaviour::Takes(taken, 0)).await;
    let (head, _) = within("the call", calls.recv()).await.expect("a call");
    assert!(
        !head.contains("webhook-signature"),
        "without a secret there is none: {head}"
    );
}
