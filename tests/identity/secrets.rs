//! Where secrets come from, and where they must not go.

use serde_json::json;

use super::{ask, connect};
use crate::support::tokens::Signer;
use crate::support::{Setup, TestServer, eventually};

const IN_FILE: &str = "sesame of a file, with thirty-two bytes";
const IN_ENVIRONMENT: &str = "sesame of the environment, as long as that";

const CONFIG: &str = r#"
    [auth.jwt]
    secret = "${file:jwt.secret}"
    query = "token"
    cookie = "jwt"
    [auth.session]
    secret = "${SESSION_SECRET}"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["relay", "nosy"]
    auth.required = true
"#;

/// Fails when it has looked at all there is.
const NOSY: &str = "export const handlers = {
    fail(call) {
        context.user(), context.session(), context.args(), context.headers();
        throw new Error('on purpose');
    },
};";

fn token(secret: &str) -> String {
    Signer::hs256(secret.as_bytes()).token(json!({"sub": "ann"}))
}

async fn status(server: &TestServer, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    server
        .refused("/chat", &[("authorization", &bearer)])
        .await
        .0
}

/// The server tells its log everything it can.
fn talkative() -> TestServer {
    let environment = format!("SESSION_SECRET={IN_ENVIRONMENT}");
    Setup::new(CONFIG)
        .guest("relay")
        .script("nosy.js", NOSY)
        .wrapper(&["env", "RUST_LOG=trace", &environment])
        .prepare()
}

#[tokio::test]
async fn secrets_come_from_files_and_the_environment_and_go_nowhere() {
    let mut server = talkative();
    let file = server.folder().join("jwt.secret");
    std::fs::write(&file, format!("{IN_FILE}\n")).unwrap();
    server.start().await;
    let good = token(IN_FILE);
    let bad = token(IN_ENVIRONMENT);
    let bearer = format!("Bearer {good}");
    let mut client = connect(&server, "/chat", &[("authorization", &bearer)]).await;
    assert_eq!(ask(&mut client, "user").await["id"], "ann");
    assert!(ask(&mut client, "session").await["id"].is_string());
    let mut by_query = connect(&server, &format!("/chat?token={good}"), &[]).await;
    let cookie = format!("jwt={good}");
    connect(&server, "/chat", &[("cookie", &cookie)]).await;
    assert_eq!(status(&server, &bad).await, 401);
    // A call that fails is kept with all that it was given.
    let fail = json!({"_type": "fail"});
    assert_eq!(by_query.refused_with(fail).await, "plugin_failed");
    let id = eventually("the call to be kept", async || {
        let kept = server.api("GET", "/api/plugins/nosy/failures").await.ok();
        Some(kept["failures"][0]["id"].as_str()?.to_owned())
    })
    .await;

    let mut shown = String::new();
    for path in [
        &format!("/api/plugins/nosy/failures/{id}"),
        "/api/plugins/nosy/failures",
        "/api/connections",
        "/api/endpoints",
        "/api/plugins",
        "/api/plugins/relay",
        "/api/plugins/relay/logs",
        "/api/alerts",
        "/metrics",
    ] {
        let answer = server.api("GET", path).await;
        assert_eq!(answer.status, 200, "{path}");
        shown += &answer.text;
    }
    assert!(
        shown.contains("sec-websocket-key"),
        "it has the headers: {shown}"
    );
    let logged = server.log.lines().join("\n");
    assert!(
        logged.contains("TRACE") || logged.contains("DEBUG"),
        "{logged}"
    );
    for secret in ["sesame", &good, &bad] {
        assert!(!shown.contains(secret), "the admin API shows {secret}");
        let line = logged.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log has {secret}");
    }

    // A reload takes what the file says now.
    let next = "another sesame of a file, thirty-two bytes";
    std::fs::write(&file, next).unwrap();
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(status(&server, &good).await, 401);
    let bearer = format!("Bearer {}", token(next));
    connect(&server, "/chat", &[("authorization", &bearer)]).await;
    // One that can't be used changes nothing.
    std::fs::write(&file, "sesame").unwrap();
    let answer = server.api("POST", "/api/reload").await;
    assert_ne!(answer.status, 200);
    assert!(answer.text.contains("auth.jwt.secret"), "{}", answer.text);
    assert!(!answer.text.contains("sesame"), "{}", answer.text);
    connect(&server, "/chat", &[("authorization", &bearer)]).await;
}
