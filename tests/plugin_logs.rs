//! What a plugin says, read through the admin API.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.misbehave]
    grants = ["rows:write"]
    [plugins.relay]
    grants = ["rows:read"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["relay", "misbehave"]
"#;

async fn lines(server: &TestServer, plugin: &str, query: &str) -> Vec<Value> {
    let path = format!("/api/plugins/{plugin}/logs{query}");
    let answer = server.api("GET", &path).await.ok();
    answer["lines"].as_array().expect("lines").clone()
}

#[tokio::test]
async fn lines_are_kept_in_order_and_waited_for() {
    let server = Setup::new(CONFIG)
        .guest("relay")
        .guest("misbehave")
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;
    for n in 1..=3 {
        let line = json!({"_type": "log", "message": format!("line {n}"), "level": "warn"});
        client.acked(line).await;
    }
    let said = lines(&server, "relay", "").await;
    let texts: Vec<_> = said.iter().map(|line| &line["message"]).collect();
    assert_eq!(texts, ["line 1", "line 2", "line 3"]);
    assert_eq!(
        (&said[0]["level"], &said[0]["context"]),
        (&json!("warn"), &json!("relay"))
    );
    assert_eq!(said[0]["generation"], said[2]["generation"]);

    let last = said[2]["number"].as_u64().expect("a number");
    assert_eq!(
        lines(&server, "relay", &format!("?after={}", last - 1))
            .await
            .len(),
        1
    );
    let later = format!("?after={last}&wait=60");
    let (heard, ()) = tokio::join!(lines(&server, "relay", &later), async {
        client
            .acked(json!({"_type": "log", "message": "\u{1b}[31mred"}))
            .await;
    });
    assert_eq!(
        heard[0]["message"], "\\u{1b}[31mred",
        "nobody's terminal is safe otherwise"
    );
}

#[tokio::test]
async fn failed_calls_are_among_them() {
    let server = Setup::new(CONFIG)
        .guest("relay")
        .guest("misbehave")
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;
    client.refused(json!({"body": "x", "do": "panic"})).await;
    let said = lines(&server, "misbehave", "?wait=60").await;
    let failure = said.iter().find(|line| line["context"] == "host");
    let failure = failure.expect("the host's word")["message"].as_str();
    let failure = failure.expect("a text");
    for word in [
        "hook `prepare`",
        "panics on purpose",
        "unreachable",
        "wasm backtrace",
    ] {
        assert!(failure.contains(word), "{word}: {failure}");
    }
    let unknown = server.api("GET", "/api/plugins/nobody/logs").await;
    assert_eq!(unknown.status, 404);
    let typo = server.api("GET", "/api/plugins/relay/logs?afer=1").await;
    assert_eq!(typo.status, 400);
}
