//! The outbox of alerts on each kind of database: written with the message, sent, put off,
//! given up, put back by the operator, and there after a restart.

use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::smtp::SmtpServer;
use crate::support::{Setup, TestServer, eventually};

on_each_database!(alerts_are_sent_put_off_and_given_up);

async fn alerts(server: &TestServer) -> Vec<Value> {
    let answer = server.api("GET", "/api/alerts").await.ok();
    answer["alerts"].as_array().expect("a list").clone()
}

/// Waits until the outbox holds so many alerts that are as `fits` says, and no others.
async fn left(server: &TestServer, count: usize, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    eventually(&format!("{count} alerts to be left"), async || {
        let alerts = alerts(server).await;
        (alerts.len() == count && alerts.iter().all(&fits)).then_some(alerts)
    })
    .await
}

async fn alerts_are_sent_put_off_and_given_up(kept: Kept) {
    let Some(smtp) = SmtpServer::start("alerts_are_sent_put_off_and_given_up") else {
        return;
    };
    let config = format!(
        "[alerts]
        backoff = '20ms'
        longest_backoff = '200ms'
        [mail.post]
        url = 'smtp://127.0.0.1:{}'
        from = 'Chat <chat@example.org>'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        alert = {{ to = '{{{{ to }}}}', subject = '{{{{ body }}}}', body = 'x' }}
        [endpoints.digest]
        path = '/digest'
        columns.body = 'TEXT'
        [endpoints.digest.alert]
        to = '{{{{ to }}}}'
        subject = 'On {{{{ body }}}}'
        body = '{{{{ body }}}}'
        digest = '1h'",
        smtp.port
    );
    let mut server = kept.of(Setup::new(&config)).start().await;
    let mut chat = server.connect("/chat?body=-").await;
    for n in 0..20 {
        let message = json!({"body": format!("m{n}"), "to": "ada@example.org"});
        chat.acked(message).await;
    }
    smtp.has(20).await;
    left(&server, 0, |_| true).await;
    // Refused for now, and refused for good.
    chat.acked(json!({"body": "later", "to": "later@example.org"}))
        .await;
    smtp.has(21).await;
    chat.acked(json!({"body": "never", "to": "never@example.org"}))
        .await;
    let dead = left(&server, 1, |alert| alert["dead"] == true).await;
    let error = dead[0]["error"].as_str().expect("an error");
    assert!(error.contains("no such user"), "{error}");

    let mut digest = server.connect("/digest?body=-").await;
    for body in ["one", "two", "three"] {
        let message = json!({"body": body, "to": "ada@example.org, eve@example.org"});
        digest.acked(message).await;
        if body == "one" {
            // Both have heard of it at once, and not again for an hour.
            smtp.has(23).await;
        }
    }
    let put_off = |alert: &Value| {
        let later = alert["due"].as_i64() > alert["created"].as_i64().map(|at| at + 3_000_000_000);
        alert["dead"] == true || alert["recipient"].is_string() && later
    };
    left(&server, 5, put_off).await;
    server.restart().await;
    let waiting = left(&server, 5, put_off).await;
    let one = waiting
        .iter()
        .find(|alert| alert["recipient"] == "ada@example.org");
    let id = one.expect("hers")["id"].as_str().expect("an id");
    let retry = format!("/api/alerts/{id}/retry");
    server.api("POST", &retry).await.ok();
    // All that has come for her goes in one mail.
    let mails = smtp.has(24).await;
    assert_eq!(mails[23].header("Subject"), "2 alerts: On two");
    let rest = left(&server, 3, put_off).await;
    for alert in rest {
        let path = format!("/api/alerts/{}", alert["id"].as_str().expect("an id"));
        server.api("DELETE", &path).await.ok();
    }
    left(&server, 0, |_| true).await;
    let missing = server.api("DELETE", "/api/alerts/none").await;
    assert_eq!(missing.status, 404);
}
