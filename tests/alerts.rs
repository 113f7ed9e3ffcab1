//! Alerts: what a mail says, when there is one, and that each arrives. The mail server is
//! a real one.

use serde_json::{Value, json};

use crate::support::smtp::{Mail, SmtpServer};
use crate::support::{Setup, TestServer, eventually};

mod digest;
mod outages;
mod plugin;
mod trouble;
mod webhook;

/// A server with one endpoint, `/chat`, whose alert has these keys.
fn setup(smtp: &SmtpServer, alert: &str) -> Setup {
    setup_with(smtp, &format!("[endpoints.chat.alert]\n{alert}"))
}

/// The same with any more lines.
fn setup_with(smtp: &SmtpServer, more: &str) -> Setup {
    Setup::new(&format!(
        "[alerts]
        backoff = '20ms'
        longest_backoff = '200ms'
        [mail.post]
        url = 'smtp://127.0.0.1:{}'
        from = 'Chat <chat@example.org>'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        {more}",
        smtp.port
    ))
}

/// What the admin API says of the outbox.
async fn outbox(server: &TestServer) -> Vec<Value> {
    let answer = server.api("GET", "/api/alerts").await.ok();
    answer["alerts"].as_array().expect("a list").clone()
}

/// Waits until nothing is left to be sent.
async fn all_sent(server: &TestServer) {
    eventually("the outbox to be empty", async || {
        outbox(server).await.is_empty().then_some(())
    })
    .await;
}

/// The documentation's example, verbatim but for its keys being TOML.
#[tokio::test]
async fn the_documentations_alert_is_sent() {
    let Some(smtp) = SmtpServer::start("the_documentations_alert_is_sent") else {
        return;
    };
    let alert = r#"
        to = "{{ to }}"
        subject = "Message: {{ body }}"
        html = '''
            {% import pandas as pd %}
            {% import time %}
            <p>Message from {{ user }} at {{ pd.to_datetime(time.time() * 1E9).strftime('%d %b %Y %H:%M') }}.</p>
            <p>{{ body }}</p>
        '''
    "#;
    let server = setup(&smtp, alert).start().await;
    let mut client = server.subscribe("/chat").await;
    let message = json!({"_method": "POST", "to": "Ada <ada@example.org>", "body": "<b>Hi</b>"});
    client.acked(message).await;
    let mails = smtp.has(1).await;
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), &mail.to[..]),
        ("chat@example.org", &["ada@example.org".into()][..])
    );
    assert_eq!(mail.header("To"), "Ada <ada@example.org>");
    assert_eq!(mail.header("From"), "Chat <chat@example.org>");
    assert_eq!(mail.header("Subject"), "Message: <b>Hi</b>");
    assert!(
        mail.header("Content-Type").starts_with("text/html"),
        "{}",
        mail.text
    );
    let text = mail.plain();
    assert!(
        text.contains("<p>&lt;b&gt;Hi&lt;&#x2f;b&gt;</p>"),
        "escaped: {text}"
    );
    let sentence = text
        .lines()
        .find(|line| line.contains("Message from"))
        .expect("a sentence");
    let date = sentence
        .split(" at ")
        .nth(1)
        .expect("a date")
        .trim_end_matches(".</p>");
    let parts: Vec<_> = date.split([' ', ':']).map(str::len).collect();
    assert_eq!(parts, [2, 3, 4, 2, 2], "{date}");
}

#[tokio::test]
async fn a_mail_has_all_that_the_config_gives_it() {
    let Some(smtp) = SmtpServer::start("a_mail_has_all_that_the_config_gives_it") else {
        return;
    };
    let alert = r#"
        to = ["a@example.org", "{{ more }}"]
        cc = "c@example.org"
        bcc = "b@example.org"
        reply_to = "r@example.org"
        on_behalf_of = "Boss <boss@example.org>"
        from = "{{ endpoint }}@example.org"
        subject = "{{ method }} {{ row.body }}, then {{ timestamp | date }}"
        body = "Hello {{ msg.body | upper }}"
        markdownfile = "mail.md"
        images = { logo = "logo.png" }
        attachments = ["list.csv"]
    "#;
    let mut server = setup(&smtp, alert).prepare();
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(server.folder().join(name), bytes).unwrap();
    write("mail.md", b"*{{ body }}* ![logo](cid:logo)");
    write("logo.png", b"not really a picture");
    write("list.csv", b"a,b\n1,2\n");
    server.start().await;
    let mut client = server.subscribe("/chat").await;
    client
        .acked(json!({"body": "hi", "more": "d@example.org, e@example.org"}))
        .await;
    let mail = smtp.has(1).await.remove(0);
    let mut to = mail.to.clone();
    to.sort();
    assert_eq!(
        to,
        ["a", "b", "c", "d", "e"].map(|who| format!("{who}@example.org"))
    );
    assert_eq!(
        mail.header("To"),
        "a@example.org, d@example.org, e@example.org"
    );
    assert_eq!(mail.header("Cc"), "c@example.org");
    assert!(!mail.text.contains("b@example.org"), "bcc is secret");
    assert_eq!(mail.header("Reply-To"), "r@example.org");
    assert_eq!(mail.header("From"), "Boss <boss@example.org>");
    assert_eq!(mail.header("Sender"), "chat@example.org");
    assert!(
        mail.header("Subject").starts_with("POST hi, then 20"),
        "{}",
        mail.header("Subject")
    );
    let text = mail.plain();
    for part in [
        "Hello HI",
        "<em>hi</em>",
        "cid:logo",
        "Content-ID: <logo>",
        "filename=\"list.csv\"",
        "a,b",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn nobody_puts_a_header_into_a_mail() {
    let Some(smtp) = SmtpServer::start("nobody_puts_a_header_into_a_mail") else {
        return;
    };
    let alert = "to = '{{ to }}'\nsubject = '{{ body }}'\nbody = '{{ body }}'";
    let server = setup(&smtp, alert).start().await;
    let mut client = server.subscribe("/chat").await;
    let attack = "Hi\r\nBcc: victim@example.org\r\n\r\n<b>text</b>";
    client
        .acked(json!({"body": attack, "to": "a@example.org"}))
        .await;
    client
        .acked(json!({"body": "x", "to": "a@example.org\r\nBcc: victim@example.org"}))
        .await;
    let mails = smtp.has(1).await;
    assert_eq!(mails[0].to, ["a@example.org"]);
    assert_eq!(
        mails[0].header("Subject"),
        "Hi Bcc: victim@example.org <b>text</b>"
    );
    assert_eq!(mails[0].header("Bcc"), "");
    let dead = dead_letter(&server).await;
    assert!(
        dead["error"]
            .as_str()
            .unwrap()
            .contains("which no address has"),
        "{dead}"
    );
    assert_eq!(smtp.mails().len(), 1);
}

/// Waits for a dead letter.
async fn dead_letter(server: &TestServer) -> Value {
    eventually("a dead letter", async || {
        let mut alerts = outbox(server).await;
        let at = alerts.iter().position(|alert| alert["dead"] == true)?;
        Some(alerts.swap_remove(at))
    })
    .await
}

#[tokio::test]
async fn who_is_told_of_what_is_for_the_config_and_the_message_to_say() {
    let test = "who_is_told_of_what_is_for_the_config_and_the_message_to_say";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let config = r#"
        [[endpoints.chat.alert]]
        to = "post@example.org"
        subject = "{{ body }}"
        [[endpoints.chat.alert]]
        name = "changes"
        methods = ["PUT", "DELETE"]
        condition = "old.body == 'two'"
        to = "changes@example.org"
        subject = "{{ method }} {{ old.body }} {% if row %}{{ row.body }}{% endif %}"
        [[endpoints.chat.alert]]
        condition = "msg.urgent == true"
        to = "urgent@example.org"
        subject = "{{ body }}"
    "#;
    let server = setup_with(&smtp, config).start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "one", "_alert": false})).await;
    client.acked(json!({"body": "two", "urgent": true})).await;
    let two = client.recv_until(|frame| frame["body"] == "two").await.1;
    client
        .acked(json!({"body": "three", "urgent": false}))
        .await;
    client
        .acked(json!({"_method": "PUT", "id": two["id"], "body": "four"}))
        .await;
    client
        .acked(json!({"_method": "DELETE", "id": two["id"]}))
        .await;
    all_sent(&server).await;
    let mut told: Vec<_> = smtp
        .mails()
        .iter()
        .map(|mail: &Mail| (mail.to[0].clone(), mail.header("Subject")))
        .collect();
    told.sort();
    let expected = [
        ("changes@example.org", "PUT two four"),
        ("post@example.org", "three"),
        ("post@example.org", "two"),
        ("urgent@example.org", "two"),
    ];
    assert_eq!(
        told,
        expected.map(|(to, subject)| (to.to_owned(), subject.to_owned()))
    );
}

#[tokio::test]
async fn a_message_that_is_not_written_alerts_nobody() {
    let test = "a_message_that_is_not_written_alerts_nobody";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let more = "
        columns.name = 'TEXT'
        plugins = ['misbehave']
        alert = { to = 'a@example.org', subject = '{{ body }}' }
        [plugins.misbehave]
        grants = ['rows:write']";
    let server = setup_with(&smtp, more).guest("misbehave").start().await;
    server
        .database()
        .execute("CREATE UNIQUE INDEX only_one ON chat (name)", [])
        .expect("an index");
    let mut client = server.subscribe("/chat").await;
    assert_eq!(
        client
            .refused_with(json!({"body": "a", "do": "reject"}))
            .await,
        "misbehaved"
    );
    assert_eq!(
        client
            .refused_with(json!({"body": "b", "do_modify": "trap"}))
            .await,
        "plugin_failed"
    );
    client.acked(json!({"body": "c", "name": "x"})).await;
    // Refused by the database, in one transaction with what follows.
    assert_eq!(
        client.refused_with(json!({"body": "d", "name": "x"})).await,
        "constraint"
    );
    client.acked(json!({"body": "e", "name": "y"})).await;
    all_sent(&server).await;
    let mut subjects: Vec<_> = smtp
        .mails()
        .iter()
        .map(|mail| mail.header("Subject"))
        .collect();
    subjects.sort();
    assert_eq!(subjects, ["c", "e"]);
}
