//! Mails that are refused, templates that fail, secrets that are needed.

use serde_json::json;

use super::{all_sent, dead_letter, outbox, setup, setup_with};
use crate::support::eventually;
use crate::support::smtp::SmtpServer;

#[tokio::test]
async fn what_is_refused_for_now_is_tried_again() {
    let Some(smtp) = SmtpServer::start("what_is_refused_for_now_is_tried_again") else {
        return;
    };
    let server = setup(&smtp, "to = 'later@example.org'\nbody = '{{ body }}'")
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x"})).await;
    assert_eq!(smtp.has(1).await[0].to, ["later@example.org"]);
    all_sent(&server).await;
    let refused = server
        .metric("hookcast_alerts_failed_total", &["kind=\"refused\""])
        .await;
    assert_eq!(refused, 2.0);
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_for_the_operator() {
    let test = "what_is_refused_for_good_is_a_dead_letter_for_the_operator";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let server = setup(&smtp, "to = '{{ to }}'\nbody = '{{ body }}'")
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;
    client
        .acked(json!({"body": "x", "to": "never@example.org"}))
        .await;
    let dead = dead_letter(&server).await;
    assert!(
        dead["error"]
            .as_str()
            .unwrap()
            .contains("there is no such user"),
        "{dead}"
    );
    assert_eq!(
        (&dead["endpoint"], &dead["service"]),
        (&json!("chat"), &json!("post"))
    );
    let id = dead["id"].as_str().unwrap();
    server
        .log
        .with(&["ERROR", "endpoint=chat", "dead letter", "no such user", id])
        .await;

    let retry = format!("/api/alerts/{id}/retry");
    server.api("POST", &retry).await.ok();
    eventually("another try", async || {
        let tries = server
            .metric("hookcast_alerts_dead_total", &["endpoint=\"chat\""])
            .await;
        (tries == 2.0).then_some(())
    })
    .await;
    dead_letter(&server).await;
    server
        .api("DELETE", &format!("/api/alerts/{id}"))
        .await
        .ok();
    assert!(outbox(&server).await.is_empty());
    let (code, _) = server.api("POST", &retry).await.refused(404);
    assert_eq!(code, "no_such_alert");
}

#[tokio::test]
async fn a_template_that_fails_harms_no_message_and_can_be_mended() {
    let test = "a_template_that_fails_harms_no_message_and_can_be_mended";
    let Some(smtp) = SmtpServer::start(test) else {
        return;
    };
    let bad = "to = 'a@example.org'\nsubject = 'x'\nbody = '''one\n{{ topic }}'''";
    let server = setup(&smtp, bad).start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x"})).await;
    client.is_alive().await;
    let dead = dead_letter(&server).await;
    let error = dead["error"].as_str().unwrap();
    assert!(
        error.contains("endpoints.chat.alert.body, line 2"),
        "{error}"
    );
    assert!(
        error.contains("default(\"\")"),
        "says what to write: {error}"
    );

    let config = std::fs::read_to_string(server.folder().join("hookcast.toml")).unwrap();
    let mended = config.replace("{{ topic }}", "{{ topic | default(\"none\") }}");
    std::fs::write(server.folder().join("hookcast.toml"), mended).unwrap();
    server.api("POST", "/api/reload").await.ok();
    let id = dead["id"].as_str().unwrap();
    server
        .api("POST", &format!("/api/alerts/{id}/retry"))
        .await
        .ok();
    assert!(smtp.has(1).await[0].plain().contains("one\nnone"));
}

#[tokio::test]
async fn a_missing_attachment_is_waited_for() {
    let Some(smtp) = SmtpServer::start("a_missing_attachment_is_waited_for") else {
        return;
    };
    let alert = "to = 'a@example.org'\nbody = 'x'\nattachments = ['late.csv']";
    let server = setup(&smtp, alert).start().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x"})).await;
    server
        .log
        .with(&["WARN", "late.csv can't be read", "tried again"])
        .await;
    std::fs::write(server.folder().join("late.csv"), "1,2\n").unwrap();
    assert!(smtp.has(1).await[0].text.contains("late.csv"));
}

#[tokio::test]
async fn the_outbox_has_a_limit() {
    let Some(mut smtp) = SmtpServer::start("the_outbox_has_a_limit") else {
        return;
    };
    smtp.kill();
    let alert = "to = 'a@example.org'\nbody = '{{ body }}'";
    let config = format!(
        "alert = {{ {} }}\n[alerts]\nlimit = 3",
        alert.replace('\n', ", ")
    );
    let config = setup_with(&smtp, &config).prepare();
    // `[alerts]` is there already.
    let path = config.folder().join("hookcast.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("[alerts]\nlimit = 3", "")
        .replace("[alerts]", "[alerts]\nlimit = 3");
    std::fs::write(&path, text).unwrap();
    let mut server = config;
    server.start().await;
    let mut client = server.subscribe("/chat").await;
    for number in 0..10 {
        client.acked(json!({"body": number.to_string()})).await;
    }
    assert_eq!(outbox(&server).await.len(), 3);
    server
        .log
        .with(&["ERROR", "did not alert", "alerts.limit"])
        .await;
    smtp.start_again();
    smtp.has(3).await;
}

#[tokio::test]
async fn mails_go_over_starttls_and_smtps_to_whom_is_trusted() {
    let test = "mails_go_over_starttls_and_smtps_to_whom_is_trusted";
    for kind in ["starttls", "smtps"] {
        let Some(smtp) = SmtpServer::start_tls(test, kind) else {
            return;
        };
        let url = match kind {
            "starttls" => format!("smtp://localhost:{}?tls=starttls", smtp.port),
            _ => format!("smtps://localhost:{}", smtp.port),
        };
        let keys = format!(
            "user = 'ada'\npassword = 'swordfish'\nroots = {:?}",
            smtp.roots()
        );
        let server = setup(&smtp, "to = 'a@example.org'\nbody = '{{ body }}'").prepare();
        let path = server.folder().join("hookcast.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let plain = format!("url = 'smtp://127.0.0.1:{}'", smtp.port);
        let trusting = text.replace(&plain, &format!("url = '{url}'\n{keys}"));
        std::fs::write(&path, &trusting).unwrap();
        let mut server = server;
        server.start().await;
        let mut client = server.subscribe("/chat").await;
        client.acked(json!({"body": kind})).await;
        assert!(smtp.has(1).await[0].text.contains(kind));

        // A stranger's certificate gets no mail, and a wrong password is no mail's fault.
        for (config, says) in [
            (trusting.replace("roots =", "# roots ="), "ertificate"),
            (trusting.replace("swordfish", "herring"), "535"),
        ] {
            std::fs::write(&path, config).unwrap();
            server.api("POST", "/api/reload").await.ok();
            client.acked(json!({"body": "secret"})).await;
            server.log.with(&["WARN", "does not take them", says]).await;
            assert!(
                outbox(&server)
                    .await
                    .iter()
                    .all(|alert| alert["dead"] == false)
            );
        }
        assert_eq!(smtp.mails().len(), 1);
    }
}
