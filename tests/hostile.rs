//! Plugins that do what no plugin should: their sender gets an error, and that is all
//! that happens.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database};

mod abi;
mod deeds;
mod every_hook;
mod floods;
mod host_calls;
mod processor;
mod stage;

const CONFIG: &str = r#"
    [plugins.misbehave]
    grants = ["rows:write"]
    limits = { log_rate = 50, instances = 8, hook = "HOOK", wall = "5s" }
    [endpoints.bad]
    path = "/bad"
    columns.body = "TEXT"
    plugins = ["misbehave"]
    [endpoints.good]
    path = "/good"
    columns.body = "TEXT"
"#;

/// Loops take the whole of their limit; what is about something else gets enough time
/// on a loaded machine, too.
const SHORT: &str = "50ms";
const LONG: &str = "2s";

async fn server(hook: &str) -> TestServer {
    let config = CONFIG.replace("HOOK", hook);
    Setup::new(&config).guest("misbehave").start().await
}

/// A deed in each hook that can do it.
fn in_every_hook(deed: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("prepare", json!({"body": "never", "do": deed})),
        ("modify", json!({"body": "never", "do_modify": deed})),
        ("handlers", json!({"_type": "misbehave", "do": deed})),
    ]
}

/// Does a deed in each hook: the sender is told, everything else goes on.
async fn suffer(deed: &str, code: &str) -> TestServer {
    let server = server(if deed == "loop" { SHORT } else { LONG }).await;
    let mut client = server.subscribe("/bad").await;
    let mut bystander = server.subscribe("/bad").await;
    let mut neighbour = server.subscribe("/good").await;
    for (hook, message) in in_every_hook(deed) {
        // The neighbour is served while the guest misbehaves.
        let mut bad = message.clone();
        bad["_msg_id"] = hook.into();
        client.send(bad).await;
        for n in 0..10 {
            neighbour.acked(json!({"body": n})).await;
            assert_eq!(neighbour.recv().await["body"], n);
        }
        let answer = client.answer_to(hook).await;
        assert_eq!(answer["_error"]["code"], code, "{deed} in {hook}: {answer}");
        let text = answer.to_string();
        for word in ["wasm", "misbehave:", "backtrace", "src/"] {
            assert!(
                !text.contains(word),
                "{deed} in {hook}: internals reach the client: {text}"
            );
        }
        client.acked(json!({"body": "next"})).await;
        assert_eq!(
            client.recv().await["body"],
            "next",
            "the socket works after {deed} in {hook}"
        );
    }
    client.acked(json!({"body": "last"})).await;
    assert_eq!(
        bystander.recv_before("last").await.len(),
        3,
        "others hear only of what was accepted"
    );
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM bad");
    assert_eq!(rows, 4, "nothing of it was stored");
    server
}

/// The log names the plugin, its version, its generation and each hook.
async fn logged(server: &TestServer, words: &[&str]) {
    let shown = server.api("GET", "/api/plugins/misbehave").await.ok();
    let version = shown["version"].as_str().unwrap();
    let generation = shown["generation"].to_string();
    for hook in ["prepare", "modify", "handle"] {
        let line = server
            .log
            .with(&[&["ERROR", "misbehave", version, hook], words].concat())
            .await;
        assert!(
            line.contains(&generation),
            "generation {generation}: {line}"
        );
        assert!(line.contains("bad"), "the endpoint: {line}");
    }
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_deadline() {
    let server = suffer("loop", "plugin_timeout").await;
    logged(&server, &["50ms"]).await;
    let timeouts = server
        .metric("hookcast_hook_errors_total", &["misbehave", "timeout"])
        .await;
    assert_eq!(timeouts, 3.0);
}

#[tokio::test]
async fn a_trap_is_an_error() {
    let server = suffer("trap", "plugin_failed").await;
    logged(&server, &["unreachable"]).await;
}

#[tokio::test]
async fn a_panic_is_an_error_and_its_words_are_logged() {
    let server = suffer("panic", "plugin_failed").await;
    server.log.with(&["panics on purpose", "deeds.rs"]).await;
}

#[tokio::test]
async fn a_memory_bomb_stops_at_its_limit() {
    let server = suffer("memory", "plugin_failed").await;
    // The limit is 32 MiB an instance; a bomb that went off would have taken far more.
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 512 * 1024, "peak memory: {peak} KiB");
}

#[tokio::test]
async fn endless_recursion_is_an_error() {
    suffer("recurse", "plugin_failed").await;
}

#[tokio::test]
async fn a_huge_answer_is_an_error() {
    let server = suffer("huge", "plugin_failed").await;
    logged(&server, &["limits.output"]).await;
}

#[tokio::test]
async fn output_that_is_not_json_is_an_error() {
    let server = suffer("not_json", "plugin_failed").await;
    logged(&server, &["not JSON"]).await;
    suffer("empty", "plugin_failed").await;
}

#[tokio::test]
async fn output_that_is_no_object_is_an_error_where_a_message_is_due() {
    let server = server(LONG).await;
    let mut client = server.subscribe("/bad").await;
    for key in ["do", "do_modify"] {
        let error = client
            .refused(json!({"body": "never", key: "not_object"}))
            .await;
        assert_eq!(error["code"], "plugin_failed", "{key}");
    }
    client.acked(json!({"body": "last"})).await;
    assert_eq!(client.recv_before("last").await, Vec::<Value>::new());
}

#[tokio::test]
async fn modify_cannot_change_the_id_and_prepare_not_that_of_a_row() {
    let server = server(LONG).await;
    let mut client = server.subscribe("/bad").await;
    let error = client
        .refused(json!({"body": "never", "do_modify": "change_id"}))
        .await;
    assert_eq!(error["code"], "plugin_failed");
    server.log.with(&["modify", "`id`"]).await;
    client.acked(json!({"body": "one"})).await;
    let id = client.recv().await["id"].clone();
    client
        .acked(json!({"_method": "PUT", "id": id, "body": "two", "do": "change_id"}))
        .await;
    assert_eq!(
        client.recv().await["id"],
        id,
        "a PUT is about the row that its sender named"
    );
    let bodies: String = database::value(&server.database(), "SELECT group_concat(body) FROM bad");
    assert_eq!(bodies, "two");
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut() {
    let server = server(LONG).await;
    let mut client = server.subscribe("/bad").await;
    // Whether all lines fit in the deadline does not matter, but not that they are logged.
    client
        .send(json!({"body": "x", "do": "log_flood", "count": 10_000, "_msg_id": "flood"}))
        .await;
    client.answer_to("flood").await;
    client.is_alive().await;
    server.log.with(&["line 0"]).await;
    let lines = server
        .log
        .lines()
        .iter()
        .filter(|line| line.contains("line "))
        .count();
    assert!(lines <= 150, "{lines} lines passed a limit of 50 a second");
}

#[tokio::test]
async fn misbehaving_together_harms_nobody_else() {
    let server = server(SHORT).await;
    let mut neighbour = server.subscribe("/good").await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(server.connect("/bad?body=-").await);
    }
    // Twice as many loops as instances: some wait, all are answered.
    for client in &mut clients {
        client
            .send(json!({"body": "never", "do": "loop", "_msg_id": "loop"}))
            .await;
    }
    for n in 0..50 {
        neighbour.acked(json!({"body": n})).await;
    }
    for client in &mut clients {
        let answer = client.answer_to("loop").await;
        let code = answer["_error"]["code"].as_str().unwrap_or_default();
        assert!(
            ["plugin_timeout", "unavailable"].contains(&code),
            "{answer}"
        );
    }
    for client in &mut clients {
        client.acked(json!({"body": "fine"})).await;
    }
    for n in 0..50 {
        assert_eq!(neighbour.recv().await["body"], n);
    }
}

#[tokio::test]
async fn a_stuck_hook_does_not_hold_up_pings() {
    use tokio_tungstenite::tungstenite::Message;
    let config = CONFIG.replace("HOOK", "20s").replace("5s", "20s");
    let server = Setup::new(&config).guest("misbehave").start().await;
    let mut client: TestClient = server.connect("/bad?body=-").await;
    client.send(json!({"body": "never", "do": "loop"})).await;
    client
        .send_frame(Message::Ping("while it loops".into()))
        .await;
    let frame = client.next_frame().await.expect("an answer");
    assert_eq!(
        frame,
        Message::Pong("while it loops".into()),
        "the pong comes first"
    );
    // And a server that is told to stop does not wait for the guest.
    drop(client);
    let mut server = server;
    server.terminate();
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_machine_that_stalls_is_not_the_plugins_fault() {
    let config = CONFIG.replace("HOOK", "1500ms").replace("5s", "20s");
    let server = Setup::new(&config).guest("misbehave").start().await;
    let mut client = server.connect("/bad?body=-").await;
    // Some tenths of a second of honest work, well within its limit.
    let work = json!({"body": "x", "do": "log_flood", "count": 30_000});
    client.acked(work.clone()).await;
    // Again as another generation, which the log tells from the first.
    server.put_plugin("misbehave", "misbehave").await.ok();
    let mut again = work;
    again["_msg_id"] = "work".into();
    client.send(again).await;
    server.log.with(&["line 0", "generation=2"]).await;
    server.signal("STOP");
    // The stall itself, longer than the hook may run: nothing waits for it.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    server.signal("CONT");
    let answer = client.answer_to("work").await;
    assert!(
        answer["_ack"].is_object(),
        "time in which it could not run counts: {answer}"
    );
}
