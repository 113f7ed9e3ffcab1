//! `kill -9`, and a database put back from a copy.

use rand::Rng as _;
use serde_json::json;

use crate::support::load::{Load, Loss};
use crate::support::{Setup, database};

// Deadlines are not the subject here, and the machine is busy.
const CONFIG: &str = r#"
    [plugins.versioned.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_under_load_lose_and_repeat_nothing() {
    let mut server = Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await;
    let load = Load::start(&server, "/chat", 4, 4, Loss::Reconnects).await;
    for _ in 0..10 {
        let moment = rand::rng().random_range(20..200);
        load.progress(moment).await;
        server.kill();
        let log = database::log(&server.database(), "chat");
        database::assert_gapless(&log);
        let acked = load.acked() as usize;
        // What the publishers have counted is at most what the server has acknowledged.
        assert!(
            log.len() >= acked,
            "{acked} acknowledged, {} in the log",
            log.len()
        );
        server.start().await;
    }
    load.progress(50).await;
    let outcome = load.finish(&server, "/chat").await;
    let connection = server.database();
    outcome.check(&database::log(&connection, "chat"));
    let rows: i64 = database::value(&connection, "SELECT count(*) FROM chat");
    assert_eq!(
        rows as usize,
        database::log(&connection, "chat").len(),
        "the table has what the log has"
    );
    let whole: String = database::value(&connection, "PRAGMA integrity_check");
    assert_eq!(whole, "ok");
}

#[tokio::test]
async fn a_restored_older_copy_is_told_and_skips_nothing() {
    let mut server = Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await;
    let mut writer = server.connect("/chat?body=-").await;
    for n in 0..5 {
        writer.acked(json!({"body": format!("kept {n}")})).await;
    }
    let mut reader = server.connect("/chat?_after=").await;
    let (_, early) = reader.history().await;
    let copy = server.folder().join("copy.db");
    let sql = format!("VACUUM INTO '{}'", copy.display());
    server.database().execute_batch(&sql).unwrap();
    for n in 0..5 {
        writer.acked(json!({"body": format!("lost {n}")})).await;
    }
    let (_, last) = reader.recv_until(|frame| frame["body"] == "lost 4").await;
    let late = last["_position"].as_str().unwrap().to_owned();
    server.kill();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", server.database_path().display()));
    }
    std::fs::copy(&copy, server.database_path()).unwrap();
    server.start().await;
    let mut writer = server.connect("/chat?body=-").await;
    // The same offsets again, with other messages.
    for n in 0..7 {
        writer.acked(json!({"body": format!("new {n}")})).await;
    }
    let mut reader = server.connect(&format!("/chat?_after={late}")).await;
    let reset = reader.recv().await;
    assert_eq!(reset["_reset"]["reason"], "unknown_position", "{reset}");
    let (rows, _) = reader.history().await;
    let bodies: Vec<_> = rows
        .iter()
        .map(|row| row["body"].as_str().unwrap())
        .collect();
    let expected = [
        "kept 0", "kept 1", "kept 2", "kept 3", "kept 4", "new 0", "new 1", "new 2", "new 3",
        "new 4", "new 5", "new 6",
    ];
    assert_eq!(bodies, expected, "full history follows");
    // A position that the copy has is still good.
    let mut reader = server.connect(&format!("/chat?_after={early}")).await;
    for n in 0..7 {
        assert_eq!(reader.recv().await["body"], format!("new {n}"));
    }
}
