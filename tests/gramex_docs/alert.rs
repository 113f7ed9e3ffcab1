//! `alert`, as the documentation has it.

use serde_json::{Value, json};

use super::{heard, page, setup};
use crate::support::Setup;
use crate::support::smtp::{Mail, SmtpServer};

/// The documentation's alert, with more of its keys behind it.
fn alerting(smtp: &SmtpServer, more: &str) -> Setup {
    setup(&format!(
        r#"
        columns.body = "TEXT"
        columns.to = "TEXT"
        plugins = ["door", "hooks"]
        [endpoints.messages.alert]
        to = "{{{{ to }}}}"
        subject = "Message: {{{{ body }}}}"
        html = '''
          {{% import pandas as pd %}}
          {{% import time %}}
          <p>Message from {{{{ user }}}} at {{{{ pd.to_datetime(time.time() * 1E9).strftime('%d %b %Y %H:%M') }}}}.</p>
          <p>{{{{ body }}}}</p>
        '''
        {more}
        [mail.messages]
        url = "smtp://127.0.0.1:{}"
        from = "messages@example.org"
        "#,
        smtp.port
    ))
}

/// The lines of a mail's HTML.
fn lines(mail: &Mail) -> Vec<String> {
    assert!(
        mail.header("Content-Type").starts_with("text/html"),
        "{}",
        mail.text
    );
    let text = mail.plain();
    let (_, html) = text.split_once("\n\n").expect("a head and a body");
    let lines = html.lines().map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// A time as `%d %b %Y %H:%M` writes it: `02 Jan 2023 03:04`.
fn is_time(text: &str) -> bool {
    let form: String = text
        .chars()
        .map(|c| match c {
            c if c.is_ascii_digit() => '0',
            c if c.is_ascii_alphabetic() => 'a',
            c => c,
        })
        .collect();
    form == "00 aaa 0000 00:00"
}

/// ```yaml
/// alert:
///   to: "{{ to }}"
///   subject: "Message: {{ body }}"
///   html: >
///     {% import pandas as pd %}
///     {% import time %}
///     <p>Message from {{ user }} at {{ pd.to_datetime(time.time() * 1E9).strftime('%d %b %Y %H:%M') }}.</p>
///     <p>{{ body }}</p>
/// ```
///
/// "It sends an email alert for each message." "All keys in the message are available." "By
/// default, it sends alerts only for `_method: POST`." And `modify` "changes the message
/// object that is used in alerts".
#[tokio::test]
async fn an_alert_is_a_mail_of_html_for_each_post() {
    let Some(smtp) = SmtpServer::start("gramex_docs::an_alert_is_a_mail") else {
        return;
    };
    let script = "export const modify = (call, message) =>
        ({ ...message, body: message.body + '!' });";
    let server = alerting(&smtp, "").script("hooks.js", script).start().await;
    let mut client = page(&server, "user@example.org", "").await;
    client.history().await;
    client
        .acked(json!({"to": "ada@example.org", "body": "1 < 2"}))
        .await;
    let id = heard(&mut client).await[0]["id"].clone();
    client
        .acked(json!({"_method": "PUT", "id": id, "to": "ada@example.org", "body": "x"}))
        .await;
    client
        .acked(json!({"_method": "DELETE", "id": id, "body": "x"}))
        .await;
    // What comes of these would be on its way before this one.
    client
        .acked(json!({"to": "bob@example.org", "body": "last"}))
        .await;
    let mails = smtp.has(2).await;
    let subjects: Vec<_> = mails
        .iter()
        .map(|mail| (mail.to[0].clone(), mail.header("Subject")))
        .collect();
    let expected = [
        ("ada@example.org", "Message: 1 < 2!"),
        ("bob@example.org", "Message: last!"),
    ];
    assert_eq!(
        subjects,
        expected.map(|(to, subject)| (to.to_owned(), subject.to_owned()))
    );
    let html = lines(&mails[0]);
    let time = html[0]
        .strip_prefix("<p>Message from user@example.org at ")
        .and_then(|rest| rest.strip_suffix(".</p>"));
    assert!(time.is_some_and(is_time), "{html:?}");
    assert_eq!(html[1..], ["<p>1 &lt; 2!</p>"]);
}

/// "To send messages for other methods, use":
///
/// ```yaml
/// alert:
///   methods: [POST, PUT, DELETE]
/// ```
#[tokio::test]
async fn an_alert_may_be_for_other_methods_too() {
    let Some(smtp) = SmtpServer::start("gramex_docs::an_alert_may_be_for_other_methods") else {
        return;
    };
    // A PUT and a DELETE have no key that they are not sent with.
    let script = "export const prepare = (call, message) =>
        ({ user: call.user, ...message });";
    let methods = "methods = ['POST', 'PUT', 'DELETE']";
    let server = alerting(&smtp, methods)
        .script("hooks.js", script)
        .start()
        .await;
    let mut client = page(&server, "user@example.org", "").await;
    client.history().await;
    let message = json!({"to": "ada@example.org", "body": "one"});
    client.acked(message.clone()).await;
    let id = heard(&mut client).await[0]["id"].clone();
    for (method, body) in [("PUT", "two"), ("DELETE", "three")] {
        let mut message = message.clone();
        message["_method"] = method.into();
        message["id"] = id.clone();
        message["body"] = body.into();
        client.acked(message).await;
    }
    let mails = smtp.has(3).await;
    let mut subjects: Vec<_> = mails.iter().map(|mail| mail.header("Subject")).collect();
    subjects.sort();
    assert_eq!(subjects, ["Message: one", "Message: three", "Message: two"]);
    let last: Vec<Value> = mails
        .iter()
        .map(|mail| lines(mail).last().cloned().into())
        .collect();
    assert!(last.contains(&json!("<p>three</p>")), "{last:?}");
}
