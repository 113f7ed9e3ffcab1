//! Stopping, and starting where another server runs.

use serde_json::json;

use crate::support::{Setup, TestServer, database};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).start().await
}

#[tokio::test]
async fn sigterm_says_goodbye_and_keeps_what_was_acknowledged() {
    let mut server = server().await;
    let mut idle = server.connect("/chat").await;
    let mut busy = server.connect("/chat?body=-").await;
    for n in 0..100 {
        busy.send(json!({"body": format!("m{n}"), "_msg_id": format!("m{n}")}))
            .await;
    }
    busy.answer_to("m0").await;
    server.terminate();
    assert_eq!(idle.closed().await, (1001, "server is stopping".to_owned()));
    idle.close().await;
    let mut acked = vec!["m0".to_owned()];
    let code = loop {
        use tokio_tungstenite::tungstenite::Message;
        match busy.next_frame().await {
            Some(Message::Text(text)) => {
                let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
                match frame["_ack"]["_msg_id"].as_str() {
                    Some(id) => acked.push(id.to_owned()),
                    None => assert_eq!(frame["_error"]["code"], "unavailable", "{frame}"),
                }
            }
            Some(Message::Close(Some(close))) => break u16::from(close.code),
            other => panic!("neither answer nor close: {other:?}"),
        }
    };
    assert_eq!(code, 1001);
    drop(busy);
    assert_eq!(server.ended().await.code(), Some(0));
    let log = database::log(&server.database(), "chat");
    database::assert_gapless(&log);
    for id in acked {
        assert!(
            log.iter().any(|entry| entry.sent["body"] == *id),
            "{id} was acknowledged and is lost"
        );
    }
}

#[tokio::test]
async fn a_stopped_server_leaves_one_file() {
    let mut server = server().await;
    server
        .connect("/chat?body=-")
        .await
        .acked(json!({"body": "one"}))
        .await;
    server.terminate();
    server.ended().await;
    let wal = format!("{}-wal", server.database_path().display());
    let size = std::fs::metadata(wal).map_or(0, |file| file.len());
    assert_eq!(size, 0, "the write-ahead log was checkpointed");
}

#[tokio::test]
async fn clients_that_do_not_read_do_not_hold_up_the_stop() {
    let mut server = server().await;
    // These neither read nor answer the close frame.
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(server.connect("/chat").await);
    }
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    server.log.with(&["not all clients"]).await;
}

#[tokio::test]
async fn readiness_ends_with_the_stop_and_a_new_start_is_clean() {
    let mut server = server().await;
    let mut client = server.connect("/chat?_after=").await;
    let (_, position) = client.history().await;
    client.acked(json!({"body": "one"})).await;
    server.restart().await;
    let mut client = server.connect(&format!("/chat?_after={position}")).await;
    assert_eq!(client.recv().await["body"], "one");
    client.is_alive().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_does_not_start() {
    let server = server().await;
    let other = Setup::new(CONFIG).prepare();
    let file = other.folder().join("hookcast.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let path = server.database_path();
    let config = config.replace(
        "sqlite://data/hookcast.db",
        &format!("sqlite://{}", path.display()),
    );
    std::fs::write(&file, config).unwrap();
    let output = other
        .command()
        .output()
        .expect("the second server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("in use by another hookcast process"),
        "{said}"
    );
    assert!(said.contains("hookcast.db"), "which file: {said}");
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "the first goes on"})).await;
}

#[tokio::test]
async fn another_name_for_the_same_file_does_not_help() {
    let server = server().await;
    let other = Setup::new(CONFIG).prepare();
    let data = other.folder().join("data");
    std::fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink(server.database_path(), data.join("hookcast.db")).unwrap();
    assert_refused(other);
    let other = Setup::new(CONFIG).prepare();
    let folder = server.folder().join("data");
    std::os::unix::fs::symlink(folder, other.folder().join("data")).unwrap();
    assert_refused(other);
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "the first goes on"})).await;
}

/// Fails unless the server ends because of another one's file.
fn assert_refused(mut server: TestServer) {
    let mut child = server.command().spawn().expect("the second server");
    let url = format!("http://{}/readyz", server.admin);
    let started = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break status;
        }
        let ready = ureq::get(&url).call().is_ok();
        if ready || started.elapsed() > crate::support::patience::PATIENCE {
            let _ = child.kill();
            panic!("two servers run on one file");
        }
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(1));
    server.kill();
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let server = server().await;
    let other = Setup::new(CONFIG).prepare();
    let file = other.folder().join("hookcast.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace(&other.address, &server.address)).unwrap();
    let output = other
        .command()
        .output()
        .expect("the second server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&server.address) && said.contains("server.listen"),
        "{said}"
    );
}

#[tokio::test]
async fn a_newer_database_is_refused_unchanged() {
    let mut server = server().await;
    server.terminate();
    server.ended().await;
    server
        .database()
        .execute_batch("PRAGMA user_version = 999")
        .unwrap();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("999") && said.contains("newer"),
        "{said}"
    );
    let version: i64 = database::value(&server.database(), "PRAGMA user_version");
    assert_eq!(version, 999);
}
