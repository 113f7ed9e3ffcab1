//! What is forgotten: log entries by age and size, message ids after a day. (By count:
//! `resume`.) Time is made to pass by setting what is stored back.

use serde_json::json;

use crate::support::{Setup, TestServer, database, eventually};

const CONFIG: &str = r#"
    [endpoints.aged]
    path = "/aged"
    columns.body = "TEXT"
    retention = { age = "1h" }
    [endpoints.sized]
    path = "/sized"
    columns.body = "TEXT"
    retention = { size = "64 KiB" }
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).start().await
}

async fn post(server: &TestServer, path: &str, count: usize, body: &str) {
    let mut client = server.connect(&format!("{path}?body=-")).await;
    for _ in 0..count {
        client.acked(json!({ "body": body })).await;
    }
}

/// Restarts the server on what `sql` makes of its database.
async fn restart_with(server: &mut TestServer, sql: &str) {
    server.terminate();
    server.ended().await;
    server.database().execute_batch(sql).expect("the statement");
    server.start().await;
}

async fn offsets_become(server: &TestServer, endpoint: &str, expected: &[u64]) {
    eventually(
        &format!("the log of {endpoint} to be {expected:?}"),
        async || {
            let log = database::log(&server.database(), endpoint);
            let offsets: Vec<u64> = log.iter().map(|entry| entry.offset).collect();
            (offsets == expected).then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn entries_older_than_the_age_go() {
    let mut server = server().await;
    post(&server, "/aged", 6, "x").await;
    let hour = "UPDATE hookcast_log SET time = time - 3700000000 WHERE offset <= 4";
    restart_with(&mut server, hour).await;
    offsets_become(&server, "aged", &[5, 6]).await;
}

#[tokio::test]
async fn the_newest_entry_stays_however_old_it_is() {
    let mut server = server().await;
    post(&server, "/aged", 3, "x").await;
    let hour = "UPDATE hookcast_log SET time = time - 3700000000";
    restart_with(&mut server, hour).await;
    offsets_become(&server, "aged", &[3]).await;
    post(&server, "/aged", 1, "x").await;
    offsets_become(&server, "aged", &[3, 4]).await;
}

#[tokio::test]
async fn the_oldest_entries_go_when_the_log_is_too_large() {
    let mut server = server().await;
    post(&server, "/sized", 20, &"x".repeat(8_000)).await;
    restart_with(&mut server, "").await;
    let kept = eventually("the cut", async || {
        let log = database::log(&server.database(), "sized");
        (log.len() < 20).then_some(log)
    })
    .await;
    // Each sends 8,000 bytes and about a hundred more.
    assert_eq!(kept.len(), 8);
    assert_eq!(kept.last().map(|entry| entry.offset), Some(20));
    let consecutive = |pair: &[database::Entry]| pair[0].offset + 1 == pair[1].offset;
    assert!(kept.windows(2).all(consecutive), "{kept:?}");
}

#[tokio::test]
async fn a_message_id_counts_for_a_day() {
    let mut server = server().await;
    let message = json!({"body": "once", "_msg_id": "m", "_client": "c"});
    let mut client = server.connect("/aged").await;
    let first = client.acked(message.clone()).await;
    let nearly = "UPDATE hookcast_message_ids SET time = time - 86000000000";
    restart_with(&mut server, nearly).await;
    let mut client = server.connect("/aged?body=-").await;
    assert_eq!(client.acked(message.clone()).await, first, "still known");
    let more = "UPDATE hookcast_message_ids SET time = time - 500000000";
    restart_with(&mut server, more).await;
    let mut client = server.connect("/aged?body=-").await;
    let second = client.acked(message).await;
    assert!(second.ends_with("-2"), "{second} is a message of its own");
}
