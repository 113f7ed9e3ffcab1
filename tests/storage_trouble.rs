//! A disk that is full, and a database that somebody else holds.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{Setup, TestServer, database, eventually, require};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

/// Runs the server with a disk of its own for `data`, 4 MB large, which ends with it.
const SMALL_DISK: &str =
    "mkdir -p data && mount -t tmpfs -o size=4m tmpfs data && exec \"$0\" \"$@\"";

/// `unshare` with mounts, as root or with a user namespace; none when neither works.
fn unshare() -> Option<&'static [&'static str]> {
    [&["unshare", "-m"][..], &["unshare", "-r", "-m"][..]]
        .into_iter()
        .find(|words| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
            let tried = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        })
}

/// The server's disk, seen from outside of its mount namespace.
fn disk(server: &TestServer) -> PathBuf {
    let folder = server.folder().strip_prefix("/").expect("an absolute path");
    PathBuf::from(format!("/proc/{}/root", server.pid()))
        .join(folder)
        .join("data")
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_recovers() {
    let namespace = unshare();
    let missing = namespace
        .is_none()
        .then(|| "mounting a small disk needs root or user namespaces".into());
    if !require::or_skip("a_full_disk_refuses_writes_and_recovers", missing) {
        return;
    }
    let wrapper = [namespace.unwrap(), &["sh", "-c", SMALL_DISK]].concat();
    let server = Setup::new(CONFIG).wrapper(&wrapper).start().await;
    let mut reader = server.subscribe("/chat").await;
    let mut writer = server.connect("/chat?body=-").await;
    writer.acked(json!({"body": "before"})).await;
    let filler = disk(&server).join("filler");
    // As much as fits.
    let _ = std::fs::write(&filler, vec![0; 8 << 20]);
    let body = "x".repeat(30_000);
    let mut accepted = 0;
    loop {
        writer
            .send(json!({"body": body, "_msg_id": format!("m{accepted}")}))
            .await;
        let answer = writer.answer_to(&format!("m{accepted}")).await;
        if answer.get("_ack").is_some() {
            accepted += 1;
            assert!(accepted < 1_000, "the disk is never full");
            continue;
        }
        assert_eq!(answer["_error"]["code"], "unavailable", "{answer}");
        break;
    }
    for _ in 0..3 {
        assert_eq!(
            writer.refused_with(json!({"body": body})).await,
            "unavailable"
        );
    }
    server.log.with(&["ERROR", "full"]).await;
    assert!(server.metric("hookcast_groups_failed_total", &[]).await >= 4.0);
    // Reading goes on.
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows.len(), accepted + 1);

    std::fs::remove_file(&filler).unwrap();
    // The refused message was not remembered: the same id is good now.
    writer
        .send(json!({"body": body, "_msg_id": format!("m{accepted}")}))
        .await;
    let answer = writer.answer_to(&format!("m{accepted}")).await;
    assert!(answer["_ack"].is_object(), "space is back: {answer}");
    writer.acked(json!({"body": "last"})).await;
    let seen = reader.recv_before("last").await;
    assert_eq!(
        seen.len(),
        accepted + 2,
        "those that were acknowledged, and no other"
    );
    // SQLite would look for the file on our own disk: give it a copy.
    for file in ["hookcast.db", "hookcast.db-wal"] {
        std::fs::copy(disk(&server).join(file), server.folder().join(file)).unwrap();
    }
    let log = database::log(
        &database::open(&server.folder().join("hookcast.db")),
        "chat",
    );
    database::assert_gapless(&log);
    assert_eq!(log.len(), accepted + 3);
}

#[tokio::test]
async fn a_locked_database_refuses_writes_and_recovers() {
    let server = Setup::new(CONFIG).start().await;
    let mut reader = server.subscribe("/chat").await;
    let mut writer = server.connect("/chat?body=-").await;
    let locker = server.database();
    locker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // The server is patient for some seconds; then it says so.
    assert_eq!(
        writer.refused_with(json!({"body": "during"})).await,
        "unavailable"
    );
    server.connect("/chat?_after=").await.history().await;
    locker.execute_batch("COMMIT").unwrap();
    writer.acked(json!({"body": "after"})).await;
    assert_eq!(
        reader.recv().await["body"],
        "after",
        "and no trace of the refused one"
    );
    database::assert_gapless(&database::log(&server.database(), "chat"));
}

#[tokio::test]
async fn a_moment_of_locking_is_waited_for() {
    let server = Setup::new(CONFIG).start().await;
    let mut writer = server.connect("/chat?body=-").await;
    let locker = server.database();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer.send(json!({"body": "waits", "_msg_id": "m"})).await;
    eventually("the message to be on its way", async || {
        let shown = server.api("GET", "/api/connections").await.ok();
        (shown["connections"][0]["in_flight"] == 1).then_some(())
    })
    .await;
    locker.execute_batch("COMMIT").unwrap();
    assert!(writer.answer_to("m").await["_ack"].is_object());
}

#[tokio::test]
async fn tables_with_triggers_are_refused_at_start() {
    let mut server = Setup::new(CONFIG).start().await;
    server.terminate();
    server.ended().await;
    let trigger =
        "CREATE TRIGGER meddle AFTER INSERT ON chat BEGIN UPDATE chat SET body = 'x'; END";
    server.database().execute_batch(trigger).unwrap();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("chat") && said.contains("trigger"), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let server = Setup::new(CONFIG).prepare();
    std::fs::create_dir(server.folder().join("data")).unwrap();
    let precious = b"This is somebody's diary and no database at all.".repeat(100);
    std::fs::write(server.database_path(), &precious).unwrap();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("hookcast.db"),
        "{said}"
    );
    assert_eq!(std::fs::read(server.database_path()).unwrap(), precious);
}
