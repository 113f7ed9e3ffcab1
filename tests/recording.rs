//! Failed calls are kept as fixtures, others on demand; running them again goes the same
//! way.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hookcast::plugin::{
    Compiler, Engine, EngineSettings, Fixture, Generation, Grant, PluginSettings, Ran, load_alone,
    run,
};
use serde_json::{Value, json};

use crate::support::{Setup, TestServer, eventually, guests};

const CONFIG: &str = r#"
    [plugins]
    failures = 3
    [plugins.fickle]
    grants = ["rows:read", "rows:write"]
    isolation = "per-call"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.seen = "TEXT"
    columns.topic = "TEXT"
    plugins = ["fickle"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("fickle").start().await
}

/// Waits until this many calls are kept, newest first.
async fn kept(server: &TestServer, kind: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/plugins/fickle/{kind}");
    eventually("calls to be kept", async || {
        let mut answer = server.api("GET", &path).await.ok();
        let kept = answer[kind].as_array_mut().expect("a list");
        (kept.len() == count).then(|| std::mem::take(kept))
    })
    .await
}

async fn fixture(server: &TestServer, kind: &str, id: &Value) -> Fixture {
    let id = id.as_str().expect("an id");
    let path = format!("/api/plugins/fickle/{kind}/{id}");
    let answer = server.api("GET", &path).await;
    Fixture::read(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text))
}

async fn fickle() -> Generation {
    let settings = EngineSettings {
        instances: 32,
        ..EngineSettings::default()
    };
    let engine = Engine::new(settings, Compiler::in_this_process()).expect("an engine");
    let settings = PluginSettings {
        grants: vec![Grant::RowsRead, Grant::RowsWrite],
        ..PluginSettings::default()
    };
    let loaded = load_alone(&engine, "fickle", guests::bytes("fickle"), settings);
    loaded.await.expect("fickle loads")
}

async fn replayed(fixture: &Fixture) -> Ran {
    run(&fickle().await, fixture).await
}

#[tokio::test]
async fn a_trap_on_the_live_server_happens_again_in_the_runner() {
    let server = server().await;
    let mut client = server.subscribe("/chat?topic=Help").await;
    client
        .acked(json!({"body": "a row to be seen", "topic": "Help"}))
        .await;
    client.send(json!({"_msg_id": "bad-1", "do": "trap"})).await;
    let (_, refused) = client
        .recv_until(|frame| frame.get("_error").is_some())
        .await;
    assert_eq!(refused["_error"]["code"], "plugin_failed");
    let kept = kept(&server, "failures", 1).await;
    assert_eq!(
        (&kept[0]["hook"], &kept[0]["fails"], &kept[0]["message"]),
        (&json!("prepare"), &json!("trap"), &json!("bad-1"))
    );
    let id = kept[0]["id"].as_str().unwrap();
    let replay = format!("hookcast plugin replay fickle {id}");
    let line = server.log.with(&["a hook failed", "bad-1", &replay]).await;
    for word in ["plugin `fickle` 0.1.0", "generation 1", "hook `prepare`"] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let fixture = fixture(&server, "failures", &kept[0]["id"]).await;
    let recorded = fixture.recorded.clone().unwrap();
    let ran = replayed(&fixture).await;
    let error = ran
        .outcome
        .as_ref()
        .expect_err("it traps again")
        .to_string();
    assert!(
        error.contains("a row to be seen") && error.contains("topic"),
        "{error}"
    );
    assert_eq!(Some(error), recorded.error, "with the same words");
    assert!(
        ran.backtrace()
            .is_some_and(|trace| trace.contains("fickle"))
    );
    assert_eq!(ran.backtrace(), recorded.backtrace.as_deref());
}

#[tokio::test]
async fn calls_that_went_well_are_kept_on_demand_and_go_the_same_way_again() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    let answer = server.api("POST", "/api/plugins/fickle/record?calls=2&endpoint=chat");
    assert_eq!(answer.await.ok(), json!({"left": 2}));
    for n in 0..3 {
        client.acked(json!({"body": format!("message {n}")})).await;
    }
    let kept = kept(&server, "recordings", 2).await;
    for call in &kept {
        assert_eq!(
            (&call["fails"], &call["endpoint"]),
            (&Value::Null, &json!("chat"))
        );
        let fixture = fixture(&server, "recordings", &call["id"]).await;
        let expect = fixture.expect.clone().unwrap();
        assert_eq!(expect.effects.as_ref().map(Vec::len), Some(2), "{expect:?}");
        let differences = replayed(&fixture).await.differences(&expect);
        assert_eq!(differences, Vec::<String>::new());
    }
}

#[tokio::test]
async fn output_that_only_the_judge_finds_unusable_is_kept_too() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    client.send(json!({"do": "garble"})).await;
    client
        .recv_until(|frame| frame.get("_error").is_some())
        .await;
    let kept = kept(&server, "failures", 1).await;
    assert_eq!(kept[0]["fails"], "output");
    let line = server.log.with(&["a hook failed", "connection "]).await;
    assert!(line.contains("JSON that is not an object"), "{line}");
    let fixture = fixture(&server, "failures", &kept[0]["id"]).await;
    let expect = fixture.expect.clone().unwrap();
    assert_eq!(
        replayed(&fixture).await.differences(&expect),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn the_newest_failures_are_kept_where_only_the_server_reads() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    for n in 0..5 {
        let message = json!({"_msg_id": format!("m{n}"), "do": "trap"});
        client.send(message).await;
        client
            .recv_until(|frame| frame.get("_error").is_some())
            .await;
    }
    let path = "/api/plugins/fickle/failures";
    eventually("the last failure", async || {
        let kept = server.api("GET", path).await.ok();
        (kept["failures"][0]["message"] == "m4").then_some(())
    })
    .await;
    let messages: Vec<_> = kept(&server, "failures", 3).await;
    let messages: Vec<_> = messages
        .iter()
        .map(|call| call["message"].clone())
        .collect();
    assert_eq!(messages, ["m4", "m3", "m2"]);
    let folder = server.folder().join("data/failures/fickle");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    for id in ["..%2F..%2Fhookcast", "1", "%2e%2e"] {
        let answer = server.api("GET", &format!("{path}/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
    }
    let (code, _) = server
        .api("GET", "/api/plugins/nobody/failures")
        .await
        .refused(404);
    assert_eq!(code, "no_such_plugin");
}

#[tokio::test]
async fn one_command_makes_the_next_calls_files() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    let folder = server.folder().join("fixtures");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookcast"));
    command
        .args(["admin", "--url", &format!("http://{}", server.admin)])
        .args(["--token", "only-for-tests", "record", "fickle", "2"])
        .arg(&folder);
    let command = tokio::task::spawn_blocking(move || command.output().expect("the command"));
    let mut sent = 0;
    while !command.is_finished() {
        client
            .acked(json!({"body": format!("message {sent}")}))
            .await;
        sent += 1;
    }
    let output = command.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.starts_with("2 of 2 calls"),
        "{output:?}"
    );
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        Fixture::read(&text).expect("a fixture");
    }
}

#[tokio::test]
async fn nothing_is_kept_where_the_config_says_so() {
    let config = CONFIG.replace("failures = 3", "failures = 0");
    let server = Setup::new(&config).guest("fickle").start().await;
    let mut client = server.subscribe("/chat").await;
    client.send(json!({"do": "trap"})).await;
    client
        .recv_until(|frame| frame.get("_error").is_some())
        .await;
    let line = server.log.with(&["a hook failed"]).await;
    assert!(!line.contains("hookcast plugin replay"), "{line}");
    assert!(!server.folder().join("data/failures").exists());
}
