//! Subscribers that do not read: they get everything, late, and hold nobody up.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, eventually};

/// Cursors read the ring of the one and the database of the other.
const CONFIG: &str = r#"
    [endpoints.ring]
    path = "/ring"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    ring = "64 MiB"
    [endpoints.database]
    path = "/database"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    ring = "64 KiB"
"#;

/// Messages of about 32 KiB; a gigabyte of them would be a mistake.
const MOST: i64 = 30_000;

async fn numbered(server: &TestServer, name: &str) {
    let mut slow = server.subscribe(&format!("/{name}")).await;
    let mut filtered = server.subscribe(&format!("/{name}?n=7&n=500000")).await;
    let mut quick = server.subscribe(&format!("/{name}")).await;
    let mut writer = server.connect(&format!("/{name}?n=-1")).await;
    let body = "x".repeat(32 << 10);
    let mut sent = 0;
    // The kernel takes some megabytes before the server notices that nobody reads.
    while server.endpoint(name).await["lagging_connections"] == 0 {
        for _ in 0..16 {
            writer.acked(json!({"body": body, "n": sent})).await;
            assert_eq!(quick.recv().await["n"], sent, "who reads is not held up");
            sent += 1;
        }
        assert!(sent < MOST, "nobody becomes a cursor");
    }
    for _ in 0..48 {
        writer.acked(json!({"body": body, "n": sent})).await;
        assert_eq!(quick.recv().await["n"], sent);
        sent += 1;
    }
    let shown = server.endpoint(name).await;
    assert_eq!(shown["lagging_connections"], 1, "one cursor: {shown}");
    assert!(shown["lag_events"].as_i64().unwrap() >= 48, "{shown}");
    assert!(
        server
            .metric("hookcast_lag_events", &[&format!("\"{name}\"")])
            .await
            >= 48.0
    );
    assert!(server.metric("hookcast_slow_consumers_total", &[]).await >= 1.0);

    // It reads at last, while others go on writing.
    for n in 0..sent {
        let event = slow.recv().await;
        assert_eq!(event["n"], n, "each once, in order");
        if n % 16 == 0 {
            writer
                .acked(json!({"n": sent + n / 16, "body": "meanwhile"}))
                .await;
        }
    }
    for n in sent..sent + (sent + 15) / 16 {
        assert_eq!(slow.recv().await["n"], n);
    }
    eventually("the cursor to be live again", async || {
        (server.endpoint(name).await["lagging_connections"] == 0).then_some(())
    })
    .await;
    writer.acked(json!({"n": 500_000, "body": "live"})).await;
    assert_eq!(slow.recv().await["body"], "live");
    assert_eq!(filtered.recv().await["n"], 7);
    assert_eq!(
        filtered.recv().await["n"],
        500_000,
        "filters hold throughout"
    );
}

#[tokio::test]
async fn a_cursor_catches_up_from_the_ring() {
    numbered(&Setup::new(CONFIG).start().await, "ring").await;
}

#[tokio::test]
async fn a_cursor_catches_up_from_the_database() {
    numbered(&Setup::new(CONFIG).start().await, "database").await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_given_up() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        write_timeout = "300ms"
        ring = "64 KiB"
    "#;
    let server = Setup::new(config).start().await;
    let stuck = server.subscribe("/chat").await;
    let mut writer = server.connect("/chat?body=-").await;
    assert_eq!(server.endpoint("chat").await["connections"], 2);
    let body = "x".repeat(32 << 10);
    let mut sent = 0;
    while server.endpoint("chat").await["connections"] == 2 {
        writer.acked(json!({"body": body})).await;
        sent += 1;
        assert!(sent < MOST, "a stuck client is never given up");
    }
    writer.is_alive().await;
    drop(stuck);
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_given_up() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        ping = "100ms"
        pong_timeout = "200ms"
    "#;
    let server = Setup::new(config).start().await;
    // Nobody reads from this one, so that nobody answers its pings.
    let silent = server.connect("/chat").await;
    eventually("the silent client to be given up", async || {
        (server.endpoint("chat").await["connections"] == 0).then_some(())
    })
    .await;
    drop(silent);
    // One that reads answers by itself, and stays.
    let mut lively = server.connect("/chat").await;
    let mut pings = 0;
    while pings < 5 {
        let frame = lively.next_frame().await.expect("a ping");
        assert!(frame.is_ping(), "{frame}");
        pings += 1;
    }
    assert_eq!(server.endpoint("chat").await["connections"], Value::from(1));
}

#[tokio::test]
async fn answers_that_nobody_reads_end_the_connection() {
    let config = r#"
        [plugins.relay]
        grants = ["rows:read"]
        [endpoints.chat]
        path = "/chat"
        plugins = ["relay"]
    "#;
    let server = Setup::new(config).guest("relay").start().await;
    let mut silent = TestClient::connect_narrow(&server.url("/chat")).await;
    let text = "x".repeat(32 << 10);
    let mut sent = 0;
    while server.metric("hookcast_private_overflows_total", &[]).await == 0.0 {
        silent
            .send(json!({"_type": "reply", "message": {"text": text}}))
            .await;
        sent += 1;
        assert!(sent < MOST, "answers pile up without end");
    }
    // Answers can't be read again from the log: the client is told to come back.
    assert_eq!(silent.closed().await.0, 4508);
}

#[tokio::test]
async fn a_cursor_sees_groups_as_they_were() {
    let config = r#"
        [plugins.relay]
        grants = ["rows:read"]
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        plugins = ["relay"]
        ring = "64 KiB"
    "#;
    let server = Setup::new(config).guest("relay").start().await;
    let mut slow = TestClient::connect_narrow(&server.url("/chat?_after=")).await;
    slow.history().await;
    let shown = server.api("GET", "/api/connections").await.ok();
    let id = shown["connections"][0]["id"].clone();
    let mut speaker = server.connect("/chat?body=-").await;
    let body = "x".repeat(32 << 10);
    while server.endpoint("chat").await["lagging_connections"] == 0 {
        speaker.acked(json!({"body": body})).await;
    }
    // All this happens while it lags; it reads of it later.
    let mut expected = Vec::new();
    for (round, change) in ["", "join", "leave", "join", "leave"]
        .into_iter()
        .enumerate()
    {
        if !change.is_empty() {
            let message = json!({"_type": change, "group": "g", "connection": id});
            speaker.acked(message).await;
        }
        let send = json!({"_type": "to_group", "group": "g", "message": {"round": round}});
        speaker.acked(send).await;
        if change == "join" {
            expected.push(round);
        }
        // Pushes the rounds apart, and the first ones out of the ring.
        speaker.acked(json!({"body": body})).await;
        speaker.acked(json!({"body": body})).await;
    }
    assert_eq!(server.endpoint("chat").await["lagging_connections"], 1);
    speaker.acked(json!({"body": "last"})).await;
    let seen = slow.recv_before("last").await;
    let rounds: Vec<_> = seen
        .iter()
        .filter_map(|frame| frame["round"].as_u64())
        .collect();
    assert_eq!(
        rounds,
        expected
            .iter()
            .map(|round| *round as u64)
            .collect::<Vec<_>>()
    );
}
