//! The mails that Gramex sent while it was recorded, and those that arrive here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::support::smtp::{Mail, SmtpServer};
use crate::support::{TestServer, eventually};

/// Compares what a line says of mails: how many there are, and what the last one is.
pub async fn compare(smtp: &SmtpServer, server: &TestServer, line: &Map<String, Value>, at: &str) {
    // No alert is under way any more; one that failed is not either.
    eventually("the outbox to be settled", async || {
        let alerts = server.api("GET", "/api/alerts").await.ok();
        let alerts = alerts["alerts"].as_array().expect("a list").clone();
        alerts
            .iter()
            .all(|alert| alert["dead"] == true)
            .then_some(())
    })
    .await;
    let mails = smtp.mails();
    if let Some(count) = line.get("count").and_then(Value::as_u64) {
        assert_eq!(mails.len() as u64, count, "{at}: {mails:?}");
    }
    if let Some(Value::String(stub)) = line.get("stub") {
        let mail = mails.last().unwrap_or_else(|| panic!("{at}: no mail"));
        same(mail, &recorded(stub), at);
    }
}

/// The text of a mail in what Gramex's stub of a mailer printed: Python's way to write a
/// list of texts, in which a mail is written in Python's way again.
fn recorded(stub: &str) -> String {
    let (_, rest) = stub.split_once("'msg': '").expect("a mail");
    let (text, _) = rest.split_once("', 'quit'").expect("its end");
    text.replace(r"\\n", "\n")
        .replace(r"\n", "\n")
        .replace('\\', "")
}

fn same(mail: &Mail, recorded: &str, at: &str) {
    let (head, body) = recorded.split_once("\n\n").expect("a head and a body");
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value).to_owned()
    };
    for name in ["From", "To", "Subject"] {
        assert_eq!(mail.header(name), header(name), "{at}: {name}");
    }
    assert_eq!(mail.from, header("From"), "{at}: the envelope");
    assert_eq!(mail.to, [header("To")], "{at}: the envelope");
    let kind = |text: &str| text.to_lowercase().replace('"', "");
    assert_eq!(
        kind(&mail.header("Content-Type")),
        kind(&header("Content-Type")),
        "{at}"
    );
    let html = STANDARD.decode(body.trim()).expect("base64");
    let html = String::from_utf8(html).expect("text");
    let text = mail.plain();
    let (_, arrived) = text.split_once("\n\n").expect("a head and a body");
    assert_eq!(arrived.trim(), html, "{at}");
}
