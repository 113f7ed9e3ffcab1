//! At most one mail in a while for each recipient, and so many for an endpoint.

use serde_json::{Value, json};

use super::{all_sent, outbox, setup, setup_with};
use crate::support::smtp::SmtpServer;
use crate::support::{TestServer, eventually};

/// Waits until so many alerts are put off, each for a recipient; returns them.
async fn put_off(server: &TestServer, count: usize) -> Vec<Value> {
    eventually(&format!("{count} alerts to be put off"), async || {
        let alerts = outbox(server).await;
        let later = |alert: &&Value| {
            let (due, created) = (alert["due"].as_i64()?, alert["created"].as_i64()?);
            (due - created > 3_000_000_000).then_some(())
        };
        (alerts.iter().filter(|alert| later(alert).is_some()).count() == count).then_some(alerts)
    })
    .await
}

#[tokio::test]
async fn a_digest_collects_what_one_recipient_is_told() {
    let test = "a_digest_collects_what_one_recipient_is_told";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let alert = "to = '{{ to }}'\nsubject = 'On {{ body }}'\nbody = '{{ body }}'\ndigest = '1h'";
    let mut server = setup(&smtp, alert).start().await;
    let mut client = server.subscribe("/chat").await;
    client
        .acked(json!({"body": "zero", "to": "a@example.org"}))
        .await;
    assert_eq!(smtp.has(1).await[0].header("Subject"), "On zero");
    for (body, to) in [
        ("one", "A@example.org, b@example.org"),
        ("two", "a@example.org"),
        ("three", "a@example.org"),
    ] {
        client.acked(json!({"body": body, "to": to})).await;
    }
    // The other has not heard of anything yet.
    let mails = smtp.has(2).await;
    assert_eq!(
        (&mails[1].to[..], mails[1].header("Subject").as_str()),
        (&["b@example.org".into()][..], "On one")
    );
    put_off(&server, 3).await;
    server.restart().await;
    let waiting = put_off(&server, 3).await;
    assert!(
        waiting
            .iter()
            .all(|alert| alert["recipient"] == "a@example.org"),
        "{waiting:?}"
    );

    // Its time has come, as far as the outbox knows.
    let id = waiting[0]["id"].as_str().unwrap();
    server
        .api("POST", &format!("/api/alerts/{id}/retry"))
        .await
        .ok();
    let mails = smtp.has(3).await;
    assert_eq!(mails[2].header("Subject"), "3 alerts: On one");
    let text = mails[2].plain();
    let order: Vec<_> = text
        .lines()
        .filter(|line| ["one", "two", "three"].contains(line))
        .collect();
    assert_eq!(order, ["one", "two", "three"]);
    all_sent(&server).await;
    assert_eq!(smtp.mails().len(), 3);
}

#[tokio::test]
async fn an_endpoint_sends_no_more_than_its_rate() {
    let Some(smtp) = SmtpServer::start("an_endpoint_sends_no_more_than_its_rate") else {
        return;
    };
    let config = "
        alert_rate = 2
        alert = { to = 'a@example.org', subject = '{{ body }}' }
        [endpoints.other]
        path = '/other'
        columns.body = 'TEXT'
        alert = { to = 'b@example.org', subject = '{{ body }}' }";
    let server = setup_with(&smtp, config).start().await;
    let mut client = server.subscribe("/chat").await;
    for number in 0..5 {
        client.acked(json!({"body": number.to_string()})).await;
    }
    smtp.has(2).await;
    // Nobody else waits for it.
    let mut other = server.subscribe("/other").await;
    other.acked(json!({"body": "elsewhere"})).await;
    let mails = smtp.has(3).await;
    assert_eq!(mails[2].header("Subject"), "elsewhere");
    let waiting = outbox(&server).await;
    assert_eq!(waiting.len(), 3, "{waiting:?}");
    assert!(
        waiting
            .iter()
            .all(|alert| alert["dead"] == false && alert["attempts"] == 0)
    );
}
