//! A bad deployment under load: it is rolled back by itself, and nobody notices.

use serde_json::{Value, json};

use crate::support::load::{Load, Loss};
use crate::support::{Setup, TestServer, database, eventually, guests};

// Deadlines are not the subject, and the windows are ended by calls, not by time.
const CONFIG: &str = r#"
    [plugins.versioned.limits]
    hook = "5s"
    wall = "10s"
    [plugins.versioned.probation]
    PROBATION
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

const LONG: &str = "time = \"1h\"";

async fn server(probation: &str) -> TestServer {
    let config = CONFIG.replace("PROBATION", probation);
    let setup = Setup::new(&config).guest_as("versioned-a", "versioned");
    setup.start().await
}

async fn shown(server: &TestServer) -> Value {
    server.api("GET", "/api/plugins/versioned").await.ok()
}

/// What is shown after the rollback, when its chains are in force.
async fn rolled_back(server: &TestServer) -> Value {
    server
        .log
        .with(&["ERROR", "rolled back to generation", "probation"])
        .await;
    shown(server).await
}

fn file(server: &TestServer) -> Vec<u8> {
    std::fs::read(server.folder().join("plugins/versioned.wasm")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_calls_trap_and_nothing_is_lost() {
    let mut server = server(LONG).await;
    let first = shown(&server).await;
    let load = Load::start(&server, "/chat", 8, 4, Loss::Fails).await;
    load.progress(50).await;
    let bad = server.put_plugin("versioned", "flaky").await.ok();
    assert_eq!(bad["probation"], true);
    let now = rolled_back(&server).await;
    assert_eq!(now["digest"], first["digest"]);
    assert_eq!(now["rolled_back"]["from"], bad["generation"]);
    assert_eq!(
        now["rolled_back"]["to"], first["generation"],
        "it was kept warm"
    );
    load.progress(100).await;
    let outcome = load.finish(&server, "/chat").await;
    let log = database::log(&server.database(), "chat");
    outcome.check(&log);
    let mut judges = std::collections::BTreeMap::new();
    for entry in &log {
        let (p, m) = (&entry.sent["p"], &entry.sent["m"]);
        assert_eq!(
            p, m,
            "one set of generations judges a message: {}",
            entry.sent
        );
        assert!(entry.sent["_flaky"].is_null(), "a trace: {}", entry.sent);
        *judges.entry(p.to_string()).or_insert(0) += 1;
    }
    assert!(
        judges.contains_key("\"flaky\""),
        "half of its calls work: {judges:?}"
    );
    check_order(log.iter().map(|entry| &entry.sent));
    check_judged_by(&server);
    assert_eq!(server.metric("hookcast_rejections_total", &[]).await, 0.0);
    assert!(server.metric("hookcast_judged_again_total", &[]).await > 0.0);
    let by = ["by=\"probation\"", "plugin=\"versioned\""];
    assert_eq!(
        server.metric("hookcast_plugin_rollbacks_total", &by).await,
        1.0
    );
    assert_eq!(file(&server), guests::bytes("versioned-a"));
    server.restart().await;
    assert_eq!(shown(&server).await["digest"], first["digest"]);
}

/// Each publisher's messages are in the log in the order it sent them.
fn check_order<'a>(log: impl Iterator<Item = &'a Value>) {
    let mut next = std::collections::BTreeMap::new();
    for sent in log {
        let body = sent["body"].as_str().unwrap();
        let Some((publisher, number)) = body.split_once('-') else {
            continue;
        };
        let number: u64 = number.parse().unwrap();
        let expected = next.entry(publisher.to_owned()).or_insert(0);
        assert_eq!(number, *expected, "{publisher}");
        *expected += 1;
    }
    assert_eq!(next.len(), 8, "every publisher");
}

/// What the log says of who judged agrees with what was done.
fn check_judged_by(server: &TestServer) {
    let database = server.database();
    let mixed: i64 = database::value(
        &database,
        "SELECT count(DISTINCT judged_by) FROM hookcast_log",
    );
    assert_eq!(mixed, 2, "the good generation and the bad one");
    let several: i64 = database::value(
        &database,
        "SELECT count(*) FROM (SELECT judged_by FROM hookcast_log GROUP BY judged_by \
         HAVING count(DISTINCT json_extract(sent, '$.p')) > 1)",
    );
    assert_eq!(several, 0);
}

#[tokio::test]
async fn hooks_of_the_door_fall_back_too() {
    let server = server("time = \"1h\"\ncalls = 1000").await;
    server.put_plugin("versioned", "flaky").await.ok();
    server
        .connect("/chat?_flaky=connect")
        .await
        .is_alive()
        .await;
    server.connect("/chat?_flaky=open").await.is_alive().await;
    let mut client = server.subscribe("/chat").await;
    assert_eq!(
        client
            .refused_with(json!({"body": "x", "do": "reject"}))
            .await,
        "flaky",
        "a rejection is an answer"
    );
    client.acked(json!({"body": "x", "do": "trap"})).await;
    assert_eq!(
        client.recv_until(|frame| frame["body"] == "x").await.1["p"],
        "a"
    );
    let probation = shown(&server).await["probation"].take();
    assert_eq!(probation["state"], "running");
    assert_eq!(probation["errors"], 3, "{probation}");
}

#[tokio::test]
async fn a_probation_is_passed_and_then_failures_roll_nothing_back() {
    let server = server("time = \"1ms\"\ncalls = 1\nerrors = 0").await;
    let done = server.put_plugin("versioned", "flaky").await.ok();
    assert_eq!(done["probation"], true);
    eventually("the end of the probation", async || {
        (shown(&server).await["probation"]["state"] == "passed").then_some(())
    })
    .await;
    let mut client = server.subscribe("/chat").await;
    for _ in 0..3 {
        let code = client
            .refused_with(json!({"body": "x", "do": "trap"}))
            .await;
        assert_eq!(code, "plugin_failed");
    }
    let now = shown(&server).await;
    assert_eq!(
        (&now["rolled_back"], &now["generation"]),
        (&Value::Null, &done["generation"])
    );
    // The file that serves already is no new deployment.
    let again = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .ok();
    assert_eq!(again["probation"], false);
}

#[tokio::test]
async fn no_probation_where_it_is_turned_off() {
    let server = server("time = \"0s\"").await;
    let done = server.put_plugin("versioned", "flaky").await.ok();
    assert_eq!(done["probation"], false);
    let mut client = server.subscribe("/chat").await;
    let code = client
        .refused_with(json!({"body": "x", "do": "trap"}))
        .await;
    assert_eq!(code, "plugin_failed");
    assert_eq!(shown(&server).await["probation"], Value::Null);
}

#[tokio::test]
async fn a_file_that_someone_changed_meanwhile_is_left_to_them() {
    let server = server("time = \"1h\"\ncalls = 1\nerrors = 0").await;
    server.put_plugin("versioned", "flaky").await.ok();
    let path = server.folder().join("plugins/versioned.wasm");
    std::fs::copy(guests::file("versioned-b"), &path).unwrap();
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x", "do": "trap"})).await;
    let now = rolled_back(&server).await;
    assert_eq!(now["version"], "0.1.0");
    server
        .log
        .with(&["WARN", "versioned", "changed or removed meanwhile"])
        .await;
    assert_eq!(file(&server), guests::bytes("versioned-b"));
}

#[tokio::test]
async fn a_second_deployment_falls_back_to_the_one_that_was_proven() {
    let server = server("time = \"1h\"\ncalls = 1\nerrors = 0").await;
    server.put_plugin("versioned", "versioned-b").await.ok();
    server.put_plugin("versioned", "flaky").await.ok();
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "x", "do": "trap"})).await;
    assert_eq!(
        client.recv_until(|frame| frame["body"] == "x").await.1["p"],
        "a"
    );
    assert_eq!(rolled_back(&server).await["version"], "0.1.0");
}

#[tokio::test]
async fn settings_that_changed_meanwhile_hold_for_the_old_generation_too() {
    let server = server("time = \"1h\"\ncalls = 1\nerrors = 0").await;
    let bad = server.put_plugin("versioned", "flaky").await.ok();
    let config = CONFIG.replace("PROBATION", "time = \"1h\"\ncalls = 1\nerrors = 0");
    server.write_config(&config.replace("hook = \"5s\"", "hook = \"4s\""));
    server.api("POST", "/api/reload").await.ok();
    let now = shown(&server).await;
    assert_eq!(now["probation"]["state"], "running", "it goes on: {now}");
    let mut client = server.subscribe("/chat").await;
    let code = client
        .refused_with(json!({"body": "x", "do": "trap"}))
        .await;
    assert_eq!(
        code, "plugin_failed",
        "the old one's settings are in force no more"
    );
    let now = rolled_back(&server).await;
    assert_eq!(now["version"], "0.1.0");
    assert!(
        now["generation"].as_u64() > bad["generation"].as_u64(),
        "loaded anew: {now}"
    );
    client.acked(json!({"body": "y", "do": "trap"})).await;
}
