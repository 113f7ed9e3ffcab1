//! What operators see of the limits of plugins, and of what came close to them.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, eventually};

const CONFIG: &str = r#"
    [plugins.misbehave]
    grants = ["rows:write"]
    limits = { hook = "HOOK", wall = "20s", idle = "1s", effects = 5 }
    [endpoints.bad]
    path = "/bad"
    columns.body = "TEXT"
    plugins = ["misbehave"]
"#;

async fn server(hook: &str) -> TestServer {
    // The first line still belongs to [engine].
    let config = format!("stack = \"256 KiB\"\n{}", CONFIG.replace("HOOK", hook));
    Setup::new(&config).guest("misbehave").start().await
}

async fn shown(server: &TestServer) -> Value {
    server.api("GET", "/api/plugins/misbehave").await.ok()
}

/// The entry of a list whose `key` is `name`.
fn entry<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let mut list = list.as_array().expect("a list").iter();
    let found = list.find(|entry| entry[key] == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn each_limit_is_shown_with_its_mark_and_its_hits() {
    let server = server("2s").await;
    let mut client = server.connect("/bad?body=-").await;
    client.acked(json!({"body": "one"})).await;
    let error = client
        .refused(json!({"body": "never", "do": "effects", "count": 9}))
        .await;
    assert_eq!(error["code"], "limit");
    client
        .refused(json!({"body": "never", "do": "out_of_bounds"}))
        .await;

    client
        .refused(json!({"body": "never", "do": "overflow"}))
        .await;

    let plugin = shown(&server).await;
    assert_eq!(
        entry(&plugin["limits"], "name", "stack"),
        &json!({"name": "stack", "unit": "bytes", "limit": 262_144, "high_water": null, "hits": 1})
    );
    assert_eq!(
        entry(&plugin["limits"], "name", "effects"),
        &json!({"name": "effects", "unit": "count", "limit": 5, "high_water": 5, "hits": 1})
    );
    let hook = entry(&plugin["limits"], "name", "hook");
    assert_eq!(
        (&hook["unit"], &hook["limit"]),
        (&json!("microseconds"), &json!(2_000_000))
    );
    assert!(hook["high_water"].as_u64() > Some(0), "{hook}");
    let prepare = entry(&plugin["figures"], "hook", "prepare");
    assert_eq!(
        (&prepare["calls"], &prepare["rejected"], &prepare["traps"]),
        (
            &json!(4),
            &json!(1),
            &json!([["memory_out_of_bounds", 1], ["stack_overflow", 1]])
        ),
        "{prepare}"
    );
    assert!(prepare["latency"]["p50"].is_u64(), "{prepare}");

    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_hookcast"))
        .args([
            "admin",
            "--url",
            &format!("http://{}", server.admin),
            "plugin",
            "misbehave",
        ])
        .env("HOOKCAST_ADMIN_TOKEN", "only-for-tests")
        .output()
        .expect("the command runs");
    let printed = String::from_utf8_lossy(&printed.stdout);
    let line = |words: &[&str]| {
        let line = printed.lines().find(|line| {
            line.split_whitespace()
                .take(words.len())
                .eq(words.iter().copied())
        });
        assert!(line.is_some(), "{words:?} in {printed}");
    };
    line(&["effects", "5", "5", "1"]);
    line(&["prepare", "4", "1", "2", "(2", "trap)"]);
}

#[tokio::test]
async fn an_old_generation_is_shown_until_its_last_message_is_judged() {
    // Time enough for a reload while the guest loops.
    let server = server("4s").await;
    let mut client = server.connect("/bad?body=-").await;
    client
        .send(json!({"body": "never", "do": "loop", "_msg_id": "loop"}))
        .await;
    let generation = ["misbehave", "generation=\"1\""];
    // It holds its generation when it has taken an instance.
    eventually("the loop to begin", async || {
        let plugin = shown(&server).await;
        let instances = entry(&plugin["limits"], "name", "instances");
        (instances["high_water"] == 1).then_some(())
    })
    .await;
    server.put_plugin("misbehave", "misbehave").await.ok();
    let plugin = shown(&server).await;
    assert_eq!(plugin["generation"], 2);
    assert_eq!(plugin["older"][0]["generation"], 1, "{plugin}");
    let series = "hookcast_hook_seconds_count";
    assert!(server.metric(series, &generation).await > 0.0);
    assert!(server.metric(series, &["generation=\"2\""]).await > 0.0);

    client.answer_to("loop").await;
    eventually("the old generation to be gone", async || {
        let text = server.api("GET", "/metrics").await.text;
        let gone = !text.contains(generation[1]);
        (gone && shown(&server).await["older"] == json!([])).then_some(())
    })
    .await;
    assert!(server.metric(series, &["generation=\"2\""]).await > 0.0);
}

#[tokio::test]
async fn instances_that_nobody_calls_are_dropped() {
    let server = server("2s").await;
    eventually("the first instance to be dropped", async || {
        let plugin = shown(&server).await;
        let hits = &entry(&plugin["limits"], "name", "idle")["hits"];
        (hits == 1).then(|| assert_eq!(plugin["idle_instances"], 0))
    })
    .await;
    let mut client = server.connect("/bad?body=-").await;
    client.acked(json!({"body": "one"})).await;
}

#[tokio::test]
async fn metrics_have_no_series_twice() {
    let server = server("2s").await;
    let mut client = server.connect("/bad?body=-").await;
    client.acked(json!({"body": "one"})).await;
    server.put_plugin("misbehave", "misbehave").await.ok();
    client.acked(json!({"body": "two"})).await;

    let text = server.api("GET", "/metrics").await.text;
    let mut seen = HashSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let head = match line.strip_prefix("# ") {
            Some(comment) => comment.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" "),
            None => line.rsplit_once(' ').expect("a value").0.to_owned(),
        };
        assert!(seen.insert(head), "twice: {line}");
    }
    for described in [
        "HELP hookcast_hook_seconds",
        "TYPE hookcast_hook_seconds",
        "TYPE hookcast_connections",
    ] {
        assert!(seen.contains(described), "{described}");
    }
}
