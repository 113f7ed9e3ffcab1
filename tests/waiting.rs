//! Messages wait while a plugin is away, and are judged in their order when it is back.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database, eventually};

const CONFIG: &str = r#"
    [plugins.versioned]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
    queue = { size = SIZE, when_full = "FULL" }
"#;

async fn server(size: usize, when_full: &str) -> TestServer {
    let config = CONFIG
        .replace("SIZE", &size.to_string())
        .replace("FULL", when_full);
    let setup = Setup::new(&config).guest_as("versioned-a", "versioned");
    setup.start().await
}

async fn post(server: &TestServer, what: &str) {
    let path = format!("/api/plugins/versioned/{what}");
    server.api("POST", &path).await.ok();
}

/// Sends one that must wait, and waits until it does.
async fn wait(server: &TestServer, client: &mut TestClient, id: &str, waiting: u64) {
    client.send(json!({"body": id, "_msg_id": id})).await;
    eventually("the message to wait", async || {
        (server.endpoint("chat").await["waiting"] == waiting).then_some(())
    })
    .await;
}

fn stored(server: &TestServer) -> Vec<String> {
    let connection = server.database();
    let rows = connection.prepare("SELECT body FROM chat ORDER BY rowid");
    let mut rows = rows.expect("a statement");
    let rows = rows.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("bodies")
}

#[tokio::test]
async fn first_in_first_out_over_all_connections() {
    let server = server(1_000, "reject").await;
    let (mut one, mut two) = (
        server.subscribe("/chat").await,
        server.subscribe("/chat").await,
    );
    post(&server, "quarantine").await;
    wait(&server, &mut one, "1", 1).await;
    wait(&server, &mut two, "2", 2).await;
    wait(&server, &mut one, "3", 3).await;
    // Who leaves has sent it all the same.
    let mut leaver = server.subscribe("/chat").await;
    wait(&server, &mut leaver, "4", 4).await;
    leaver.close().await;
    let shown = server.endpoint("chat").await;
    assert!(shown["waiting_since"].is_u64(), "{shown}");
    assert_eq!(
        server.metric("hookcast_waiting_messages", &["chat"]).await,
        4.0
    );
    assert!(stored(&server).is_empty());

    // Another generation brings it back, and judges them.
    server.put_plugin("versioned", "versioned-b").await.ok();
    let answers = [
        one.answer_to("1").await,
        two.answer_to("2").await,
        one.answer_to("3").await,
    ];
    for answer in answers {
        assert!(answer.get("_ack").is_some(), "{answer}");
    }
    one.acked(json!({"body": "5"})).await;
    assert_eq!(stored(&server), ["1", "2", "3", "4", "5"]);
    database::assert_gapless(&database::log(&server.database(), "chat"));
    let heard = two.recv_before("5").await;
    assert!(heard.iter().all(|frame| frame["p"] == "b"), "{heard:?}");
    assert_eq!(server.endpoint("chat").await["waiting"], 0);
}

#[tokio::test]
async fn a_full_queue_refuses_or_drops_and_the_sender_is_told() {
    for (when_full, lost, left) in [
        ("reject", "3", ["1", "2"]),
        ("drop-newest", "3", ["1", "2"]),
        ("drop-oldest", "1", ["2", "3"]),
    ] {
        let server = server(2, when_full).await;
        let mut client = server.subscribe("/chat").await;
        post(&server, "quarantine").await;
        wait(&server, &mut client, "1", 1).await;
        wait(&server, &mut client, "2", 2).await;
        client.send(json!({"body": "3", "_msg_id": "3"})).await;
        let error = client.answer_to(lost).await["_error"].take();
        assert_eq!(error["code"], "queue_full", "{when_full}: {error}");
        let dropped = server.metric("hookcast_waiting_dropped_total", &["chat"]);
        assert_eq!(dropped.await, 1.0);
        post(&server, "resume").await;
        for id in left {
            let answer = client.answer_to(id).await;
            assert!(answer.get("_ack").is_some(), "{when_full}: {answer}");
        }
        assert_eq!(stored(&server), left, "{when_full}");
    }
}

#[tokio::test]
async fn plugins_learn_that_a_message_has_waited() {
    let config = "[plugins.relay]\ngrants = [\"rows:read\"]\n[endpoints.chat]\npath = \"/chat\"\n\
                  columns.body = \"TEXT\"\nplugins = [\"relay\"]";
    let server = Setup::new(config).guest("relay").start().await;
    let mut client = server.subscribe("/chat").await;
    let asked = async |client: &mut TestClient| -> Value {
        let (_, answer) = client.recv_until(|frame| frame["_type"] == "queued").await;
        answer["result"].clone()
    };
    client.send(json!({"_type": "queued"})).await;
    assert_eq!(asked(&mut client).await, false);
    server
        .api("POST", "/api/plugins/relay/quarantine")
        .await
        .ok();
    client.send(json!({"_type": "queued"})).await;
    eventually("the message to wait", async || {
        (server.endpoint("chat").await["waiting"] == 1).then_some(())
    })
    .await;
    server.api("POST", "/api/plugins/relay/resume").await.ok();
    assert_eq!(asked(&mut client).await, true);
}

/// The plugin comes and goes while messages are sent: none is lost, none overtakes.
#[tokio::test]
async fn nothing_is_lost_while_it_comes_and_goes() {
    let server = server(100_000, "reject").await;
    let mut client = server.subscribe("/chat").await;
    let mut watcher = server.subscribe("/chat").await;
    let blinking = async {
        for _ in 0..20 {
            post(&server, "quarantine").await;
            post(&server, "resume").await;
        }
    };
    let sending = async {
        for n in 0..500 {
            client.send(json!({"body": n.to_string()})).await;
        }
    };
    tokio::join!(blinking, sending);
    for n in 0..500 {
        assert_eq!(watcher.recv().await["body"], n.to_string());
    }
}

#[tokio::test]
async fn a_plugin_that_is_missing_at_start_is_waited_for() {
    let mut server = server(1_000, "reject").await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "before"})).await;
    server.terminate();
    server.ended().await;
    let file = server.folder().join("plugins/versioned.wasm");
    std::fs::remove_file(&file).expect("the plugin's file");

    server.start().await;
    server.log.with(&["ERROR", "versioned", "is missing"]).await;
    let mut client = server.subscribe("/chat").await;
    wait(&server, &mut client, "while", 1).await;
    assert_eq!(stored(&server), ["before"]);
    server.put_plugin("versioned", "versioned-b").await.ok();
    assert!(client.answer_to("while").await.get("_ack").is_some());
    assert_eq!(client.recv().await["p"], "b");

    // The same with a file that does not load; the operator goes on with what there was.
    server.terminate();
    server.ended().await;
    std::fs::write(&file, b"no plugin").expect("a broken file");
    server.start().await;
    let mut client = server.subscribe("/chat").await;
    wait(&server, &mut client, "broken", 1).await;
    post(&server, "resume").await;
    assert!(client.answer_to("broken").await.get("_ack").is_some());
    assert_eq!(client.recv().await["p"], "b");
}
