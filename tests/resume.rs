//! Coming back with a position: everything since, or a plain word that it can't be had.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, database, eventually};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.room = "TEXT"
    plugins = ["relay"]
    [endpoints.other]
    path = "/other"
    columns.body = "TEXT"
    [endpoints.short]
    path = "/short"
    columns.body = "TEXT"
    retention = { count = 5 }
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

async fn post(server: &TestServer, path: &str, count: usize) -> Vec<String> {
    let mut client = server.connect(&format!("{path}?body=-")).await;
    let mut positions = Vec::new();
    for n in 0..count {
        positions.push(client.acked(json!({"body": n})).await);
    }
    positions
}

#[tokio::test]
async fn everything_since_a_position_is_replayed_once_and_live_goes_on() {
    let mut server = server().await;
    let positions = post(&server, "/other", 10).await;
    for restarted in [false, true] {
        if restarted {
            server.restart().await;
        }
        for (at, position) in positions.iter().enumerate() {
            let mut client = server.connect(&format!("/other?_after={position}")).await;
            for (n, known) in positions.iter().enumerate().skip(at + 1) {
                let event = client.recv().await;
                assert_eq!(
                    (&event["body"], &event["_method"]),
                    (&json!(n), &json!("POST"))
                );
                // After a restart the same place has another name; each is good.
                if !restarted {
                    assert_eq!(event["_position"], *known);
                }
            }
            client.send(json!({"_method": "MARK"})).await;
            assert_eq!(
                client.recv().await["_error"]["code"],
                "unknown_method",
                "nothing more"
            );
        }
    }
}

#[tokio::test]
async fn changes_and_deletions_are_replayed_as_they_happened() {
    let server = server().await;
    let mut client = server.connect("/other?_after=").await;
    let (_, start) = client.history().await;
    client.acked(json!({"body": "one", "extra": [1]})).await;
    let id = client.recv().await["id"].clone();
    client
        .acked(json!({"_method": "PUT", "id": id, "body": "two"}))
        .await;
    client.acked(json!({"_method": "DELETE", "id": id})).await;
    let live = [client.recv().await, client.recv().await];
    let mut back = server.connect(&format!("/other?_after={start}")).await;
    assert_eq!(
        back.recv().await["extra"],
        json!([1]),
        "as it was broadcast, not as it was stored"
    );
    assert_eq!([back.recv().await, back.recv().await], live);
}

#[tokio::test]
async fn a_filter_holds_for_what_is_replayed() {
    let server = server().await;
    let mut client = server.connect("/chat?_after=").await;
    let (_, start) = client.history().await;
    for (body, room) in [("a", "1"), ("b", "2"), ("c", "1")] {
        client.acked(json!({"body": body, "room": room})).await;
    }
    let (_, moved) = client.recv_until(|frame| frame["body"] == "a").await;
    client
        .acked(json!({"_method": "PUT", "id": moved["id"], "room": "2", "body": "a2"}))
        .await;
    let mut back = server
        .connect(&format!("/chat?_after={start}&room=1"))
        .await;
    let seen = [back.recv().await, back.recv().await, back.recv().await];
    let shown: Vec<_> = seen
        .iter()
        .map(|event| (event["_method"].as_str(), event["body"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("POST"), Some("a")),
            (Some("POST"), Some("c")),
            (Some("DELETE"), None)
        ]
    );
    assert_eq!(seen[2]["id"], moved["id"]);
}

#[tokio::test]
async fn tokens_that_are_none_get_a_reset_and_the_full_history() {
    let server = server().await;
    let position = post(&server, "/other", 3).await.pop().unwrap();
    let foreign = post(&server, "/short", 3).await.pop().unwrap();
    let (incarnation, offset) = position.rsplit_once('-').unwrap();
    let offset: u64 = offset.parse().unwrap();
    let tokens = [
        "x".to_owned(),
        "-".to_owned(),
        "1-1".to_owned(),
        "%00".to_owned(),
        "x".repeat(5_000),
        format!("{incarnation}-{}", offset + 1),
        format!("{incarnation}-{}", u64::MAX),
        format!("{incarnation}-99999999999999999999999"),
        format!("{incarnation}--1"),
        format!("{incarnation}-"),
        incarnation.to_owned(),
        foreign,
    ];
    for token in tokens {
        let mut client = server.connect(&format!("/other?_after={token}")).await;
        let reset = client.recv().await;
        assert_eq!(
            reset["_reset"]["reason"], "unknown_position",
            "{token}: {reset}"
        );
        let (rows, end) = client.history().await;
        assert_eq!(rows.len(), 3, "{token}");
        assert_eq!(
            reset["_reset"]["position"], end,
            "where the history that follows ends"
        );
        let mut back = server.connect(&format!("/other?_after={end}")).await;
        back.is_alive().await;
    }
}

#[tokio::test]
async fn what_retention_has_cut_is_not_skipped_silently() {
    let mut server = server().await;
    let positions = post(&server, "/short", 12).await;
    server.restart().await;
    // The cut is made after the start, beside everything else.
    eventually("the cut", async || {
        (database::log(&server.database(), "short").len() == 5).then_some(())
    })
    .await;
    let log = database::log(&server.database(), "short");
    assert_eq!(log[0].offset, 8, "the newest are kept");
    for (at, position) in positions.iter().enumerate() {
        let mut client = server.connect(&format!("/short?_after={position}")).await;
        // Position `at` has offset at + 1, and needs at + 2 and on.
        if at + 2 >= 8 {
            for n in at + 1..12 {
                assert_eq!(client.recv().await["body"], n, "from {at}");
            }
            client.is_alive().await;
        } else {
            let reset = client.recv().await;
            assert_eq!(reset["_reset"]["reason"], "cut", "from {at}: {reset}");
            let (rows, _) = client.history().await;
            assert_eq!(rows.len(), 12, "the table is never cut");
        }
    }
    let more = post(&server, "/short", 1).await.remove(0);
    assert!(
        more.ends_with("-13"),
        "offsets go on behind the cut: {more}"
    );
}

#[tokio::test]
async fn sends_to_a_group_are_replayed_to_its_members_only() {
    let server = server().await;
    let mut client = server.connect("/chat?room=1&_after=").await;
    let (_, start) = client.history().await;
    client.close().await;
    let mut speaker = server.connect("/chat?body=-").await;
    for (group, n) in [("1", 1), ("2", 2), ("1", 3)] {
        speaker
            .acked(json!({"_type": "to_group", "group": group, "message": {"n": n}}))
            .await;
    }
    speaker
        .acked(json!({"_type": "broadcast", "message": {"n": 4}}))
        .await;
    speaker
        .acked(json!({"_type": "to_user", "user": "al", "message": {"n": 5}}))
        .await;
    speaker
        .acked(json!({"_type": "reply", "message": {"n": 6}}))
        .await;
    let numbers = async |path: &str, last: i64| {
        let mut back = server.connect(&format!("{path}&_after={start}")).await;
        let is_last = |frame: &Value| frame["n"] == last;
        let (mut frames, end) = back.recv_until(is_last).await;
        frames.push(end);
        let frames = frames.iter().filter(|frame| frame.get("_left").is_none());
        frames
            .filter_map(|frame| frame["n"].as_i64())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("/chat?room=1", 4).await, [1, 3, 4]);
    assert_eq!(numbers("/chat?room=2", 4).await, [2, 4]);
    assert_eq!(
        numbers("/chat?user=al", 5).await,
        [4, 5],
        "replies are not logged"
    );
}

#[tokio::test]
async fn history_continues_from_its_own_end() {
    let server = server().await;
    post(&server, "/other", 3).await;
    let mut client = server.connect("/other?_after=").await;
    let (_, end) = client.history().await;
    client.close().await;
    post(&server, "/other", 2).await;
    let mut back = server.connect(&format!("/other?_after={end}")).await;
    assert_eq!(back.recv().await["body"], 0);
    assert_eq!(back.recv().await["body"], 1);
    back.is_alive().await;
}
