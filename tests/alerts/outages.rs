//! Mail servers that are away, and a server that is killed: each mail arrives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{all_sent, outbox, setup, setup_with};
use crate::support::eventually;
use crate::support::smtp::SmtpServer;

const ALERT: &str = "to = 'a@example.org'\nsubject = '{{ body }}'\nbody = '{{ body }}'";

#[tokio::test]
async fn a_mail_waits_for_its_server() {
    let Some(mut smtp) = SmtpServer::start("a_mail_waits_for_its_server") else {
        return;
    };
    smtp.kill();
    let mut server = setup(&smtp, ALERT).start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "patient"})).await;
    server
        .log
        .with(&["WARN", "service=\"post\"", "does not take them"])
        .await;
    let waiting = &outbox(&server).await[0];
    assert_eq!(
        (&waiting["dead"], &waiting["attempts"]),
        (&json!(false), &json!(0))
    );
    // Also over a restart.
    server.restart().await;
    smtp.start_again();
    assert_eq!(smtp.has(1).await[0].header("Subject"), "patient");
    all_sent(&server).await;
}

/// The mail server is killed and started while 1,000 messages alert. A mail whose answer
/// was lost comes twice, with the same Message-ID; none is lost.
#[tokio::test]
async fn a_thousand_mails_arrive_although_their_server_dies() {
    let test = "a_thousand_mails_arrive_although_their_server_dies";
    let Some(mut smtp) = SmtpServer::start(test) else {
        return;
    };
    let config = format!("alert_rate = 1000000\n[endpoints.chat.alert]\n{ALERT}");
    let server = setup_with(&smtp, &config).start().await;
    let mut client = server.connect("/chat").await;
    for part in 0..4 {
        for number in 0..250 {
            client
                .send(json!({"body": (part * 250 + number).to_string()}))
                .await;
        }
        if part < 3 {
            smtp.has(part * 100 + 50).await;
            smtp.kill();
            smtp.start_again();
        }
    }
    eventually("all mails to arrive", async || {
        let subjects: BTreeSet<_> = smtp.mails().iter().map(|m| m.header("Subject")).collect();
        (subjects.len() == 1_000).then_some(())
    })
    .await;
    all_sent(&server).await;
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mail in smtp.mails() {
        let subjects = ids.entry(mail.header("Message-ID")).or_default();
        subjects.insert(mail.header("Subject"));
    }
    assert_eq!(ids.len(), 1_000, "one Message-ID for each message");
    let subjects: BTreeSet<_> = ids.into_values().flatten().collect();
    let expected: BTreeSet<_> = (0..1_000).map(|number: u32| number.to_string()).collect();
    assert_eq!(subjects, expected);
}

/// Killed after the mail server has the mail and before it is noted: it is sent again, and
/// who gets it can tell that it is the same.
#[tokio::test]
async fn a_crash_between_sending_and_noting_repeats_the_message_id() {
    let test = "a_crash_between_sending_and_noting_repeats_the_message_id";
    let Some(mut smtp) = SmtpServer::start(test) else {
        return;
    };
    let alert = ALERT.replace("a@", "slow@");
    let mut server = setup(&smtp, &alert).start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "once"})).await;
    smtp.has(1).await;
    server.kill();
    smtp.kill();
    smtp.start_again();
    server.start().await;
    let mails = smtp.has(2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    assert!(mails[0].header("Message-ID").ends_with("@example.org>"));
    assert_eq!(mails[0].header("Date"), mails[1].header("Date"));
}

/// Killed at any moment: what was acknowledged is mailed.
#[tokio::test]
async fn what_was_acknowledged_before_a_crash_is_mailed() {
    let test = "what_was_acknowledged_before_a_crash_is_mailed";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let mut server = setup(&smtp, ALERT).start().await;
    for round in 0..3 {
        let mut client = server.subscribe("/chat").await;
        for number in 0..20 {
            client
                .acked(json!({"body": format!("{round}-{number}")}))
                .await;
        }
        server.kill();
        server.start().await;
    }
    eventually("all mails to arrive", async || {
        let subjects: BTreeSet<_> = smtp.mails().iter().map(|m| m.header("Subject")).collect();
        (subjects.len() == 60).then_some(())
    })
    .await;
    all_sent(&server).await;
    let ids: BTreeSet<_> = smtp
        .mails()
        .iter()
        .map(|m| m.header("Message-ID"))
        .collect();
    assert_eq!(ids.len(), 60, "a repeated mail has its Message-ID");
}
