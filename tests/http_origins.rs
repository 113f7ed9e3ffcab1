//! Requests of pages: those of listed origins may send and read, others may not.

use crate::support::{Setup, database};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

#[tokio::test]
async fn pages_of_listed_origins_may_send_and_others_may_not() {
    let server = Setup::new(CONFIG)
        .server_keys("origins = [\"https://app.example\"]")
        .start()
        .await;
    let listed = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "idempotency-key"),
    ];
    let preflight = server
        .http_with("OPTIONS", "/chat", &listed, String::new())
        .await;
    assert_eq!(preflight.status, 204);
    let methods = preflight.header("access-control-allow-methods");
    assert!(
        methods.split(", ").any(|method| method == "PUT"),
        "{methods}"
    );
    let headers = preflight.header("access-control-allow-headers");
    assert!(
        headers.split(", ").any(|name| name == "idempotency-key"),
        "{headers}"
    );

    let sent = server
        .http_with("POST", "/chat", &listed[..1], r#"{"body": "a"}"#.into())
        .await;
    sent.position(201);
    assert_eq!(
        sent.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(sent.header("access-control-allow-credentials"), "true");
    assert_eq!(sent.header("vary"), "origin");
    let refused = server
        .http_with("POST", "/chat", &listed[..1], "{".into())
        .await;
    assert_eq!(refused.problem(400), "bad_json");
    assert_eq!(
        refused.header("access-control-allow-origin"),
        "https://app.example"
    );

    let evil = [("origin", "https://evil.example")];
    let preflight = server
        .http_with("OPTIONS", "/chat", &evil, String::new())
        .await;
    assert!(
        preflight
            .headers
            .get("access-control-allow-origin")
            .is_none()
    );
    for (method, body) in [("POST", r#"{"body": "b"}"#), ("GET", "")] {
        let answer = server.http_with(method, "/chat", &evil, body.into()).await;
        assert_eq!(answer.problem(403), "origin_refused");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1);
}
