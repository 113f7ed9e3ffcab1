//! Mails that plugins send.

use serde_json::{Value, json};

use super::all_sent;
use crate::support::smtp::SmtpServer;
use crate::support::{Setup, TestServer};

async fn server(smtp: &SmtpServer, grants: &str) -> TestServer {
    Setup::new(&format!(
        "[plugins.postman]
        grants = [{grants}]
        [mail.post]
        url = 'smtp://127.0.0.1:{}'
        from = 'chat@example.org'
        [endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        plugins = ['postman']
        [endpoints.fleeting]
        path = '/fleeting'
        durability = 'ephemeral'
        plugins = ['postman']",
        smtp.port
    ))
    .guest("postman")
    .start()
    .await
}

fn mail(mail: Value) -> Value {
    json!({"_type": "mail", "mail": mail})
}

#[tokio::test]
async fn a_plugin_sends_mails_with_its_message() {
    let Some(smtp) = SmtpServer::start("a_plugin_sends_mails_with_its_message") else {
        return;
    };
    let server = server(&smtp, "'alerts'").await;
    let mut client = server.subscribe("/chat").await;
    let good = json!({"to": ["a@example.org"], "subject": "Hi\nthere", "markdown": "*<b>you</b>*"});
    let mut changed = mail(good.clone());
    changed["reject"] = true.into();
    assert_eq!(client.refused_with(changed).await, "changed_its_mind");
    client.acked(mail(good)).await;
    let mails = smtp.has(1).await;
    assert_eq!(mails[0].header("Subject"), "Hi there");
    assert!(
        mails[0].plain().contains("<em>&lt;b&gt;you&lt;/b&gt;</em>"),
        "{}",
        mails[0].text
    );
    all_sent(&server).await;
    assert_eq!(smtp.mails().len(), 1, "the rejected one sent none");

    for (bad, code) in [
        (
            json!({"to": "a@example.org\r\nBcc: b@example.org", "body": "x"}),
            "invalid",
        ),
        (
            json!({"to": "a@example.org", "body": "x", "attachments": ["/etc/passwd"]}),
            "invalid",
        ),
        (
            json!({"to": "a@example.org", "body": "x", "service": "none"}),
            "not_found",
        ),
    ] {
        assert_eq!(client.refused_with(mail(bad)).await, code);
    }
    let mut fleeting = server.connect("/fleeting").await;
    let refused = mail(json!({"to": "a@example.org", "body": "x"}));
    assert_eq!(fleeting.refused_with(refused).await, "unavailable");
}

#[tokio::test]
async fn a_plugin_without_the_grant_is_refused() {
    let setup = Setup::new(
        "[endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'",
    );
    let server = setup.start().await;
    let answer = server.put_plugin("postman", "postman").await;
    let (code, message) = answer.refused(422);
    assert_eq!(code, "load_failed");
    assert!(message.contains("add \"alerts\" to `grants`"), "{message}");
}
