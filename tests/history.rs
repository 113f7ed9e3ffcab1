//! What a new connection is sent before it is live.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.n = "INTEGER"
"#;

async fn filled(config: &str, count: usize) -> TestServer {
    let server = Setup::new(config).start().await;
    let mut client = server.connect("/chat?body=-").await;
    for n in 0..count {
        client.acked(json!({"n": n, "body": "b", "extra": n})).await;
    }
    server
}

#[tokio::test]
async fn rows_come_in_order_with_the_configured_columns_first() {
    let server = filled(CONFIG, 3).await;
    let mut client = server.connect("/chat").await;
    for n in 0..3 {
        let text = client.recv_text().await;
        let row: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = row.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["body", "n", "id", "user", "timestamp"],
            "no `_method`, nothing unknown"
        );
        assert_eq!((&row["n"], &row["user"]), (&json!(n), &Value::Null));
    }
    // No end marker for those who did not ask: the next frame is live.
    client.send(json!({"n": 3})).await;
    let live = client.recv().await;
    assert_eq!((&live["_method"], &live["n"]), (&json!("POST"), &json!(3)));
    assert_eq!(live.get("_position"), None);
}

#[tokio::test]
async fn the_end_of_history_is_marked_for_those_who_ask_for_positions() {
    let server = filled(CONFIG, 2).await;
    let mut client = server.connect("/chat?_after=").await;
    let (rows, position) = client.history().await;
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row.get("_position").is_none()),
        "rows are no events"
    );
    let acked = client.acked(json!({"n": 2})).await;
    let event = client.recv_text().await;
    assert!(
        event.ends_with(&format!(r#","_position":"{acked}"}}"#)),
        "{event} of {acked}"
    );
    assert_ne!(position, acked);
}

#[tokio::test]
async fn an_empty_table_has_an_empty_history() {
    let server = Setup::new(CONFIG).start().await;
    let mut client = server.connect("/chat?_after=").await;
    let (rows, _) = client.history().await;
    assert_eq!(rows, Vec::<Value>::new());
}

#[tokio::test]
async fn put_keeps_a_rows_place_and_delete_takes_it_out() {
    let server = filled(CONFIG, 4).await;
    let mut client = server.connect("/chat?_after=").await;
    let (rows, _) = client.history().await;
    client
        .acked(json!({"_method": "PUT", "id": rows[1]["id"], "body": "changed"}))
        .await;
    client
        .acked(json!({"_method": "DELETE", "id": rows[2]["id"]}))
        .await;
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row["n"].as_i64(), row["body"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some(0), Some("b")),
            (Some(1), Some("changed")),
            (Some(3), Some("b"))
        ]
    );
}

#[tokio::test]
async fn a_long_history_is_cut_to_the_newest_rows_and_says_so() {
    let config = format!("{CONFIG}\nhistory_rows = 5");
    let server = filled(&config, 8).await;
    let mut client = server.connect("/chat?_after=").await;
    let (mut frames, end) = client
        .recv_until(|frame| frame.get("_history").is_some())
        .await;
    assert_eq!(end["_history"]["rows"], 5);
    assert_eq!(
        frames.pop(),
        Some(json!({"_history_truncated": {"rows": 5}}))
    );
    let numbers: Vec<_> = frames
        .iter()
        .map(|row| row["n"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    // Also for those who did not ask for positions: nothing is left out silently.
    let mut client = server.connect("/chat").await;
    let (rows, _) = client
        .recv_until(|frame| frame.get("_history_truncated").is_some())
        .await;
    assert_eq!(rows.len(), 5);
}

#[tokio::test]
async fn a_large_history_is_cut_by_bytes() {
    let config = format!("{CONFIG}\nmessage_limit = \"4 KiB\"\nhistory_size = \"8 KiB\"");
    let server = Setup::new(&config).start().await;
    let mut client = server.connect("/chat?body=-").await;
    for n in 0..10 {
        client
            .acked(json!({"n": n, "body": "x".repeat(2000)}))
            .await;
    }
    let mut client = server.connect("/chat?_after=").await;
    let (frames, _) = client
        .recv_until(|frame| frame.get("_history").is_some())
        .await;
    let (last, rows) = frames.split_last().unwrap();
    assert!(last.get("_history_truncated").is_some(), "{last}");
    assert!(
        (2..=4).contains(&rows.len()),
        "8 KiB of 2 KiB rows: {}",
        rows.len()
    );
    assert_eq!(rows.last().unwrap()["n"], 9, "the newest are kept");
}

#[tokio::test]
async fn history_log_sends_messages_as_they_were_broadcast() {
    let server = filled(&format!("{CONFIG}\nhistory = \"log\""), 2).await;
    let mut client = server.connect("/chat?_after=").await;
    let (rows, _) = client.history().await;
    assert_eq!(rows, Vec::<Value>::new(), "events instead of rows");
    for n in 0..2 {
        let event = client.recv().await;
        assert_eq!(
            (&event["n"], &event["extra"]),
            (&json!(n), &json!(n)),
            "as sent: {event}"
        );
        assert_eq!(event["_method"], "POST");
        assert!(event["_position"].is_string());
    }
}

#[tokio::test]
async fn nothing_is_lost_between_history_and_live() {
    let server = Setup::new(CONFIG).start().await;
    let mut writer = server.connect("/chat?body=-").await;
    let writing = tokio::spawn(async move {
        for n in 0..600 {
            writer.send(json!({"n": n})).await;
        }
        writer.acked(json!({"n": 600})).await;
    });
    let mut joined = 0;
    while !writing.is_finished() || joined < 5 {
        let mut client = server.connect("/chat").await;
        let first = client.recv().await["n"].as_i64().unwrap();
        assert_eq!(first, 0, "history begins at the beginning");
        for n in 1..=600 {
            assert_eq!(
                client.recv().await["n"],
                n,
                "history and live follow one another"
            );
        }
        joined += 1;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn a_message_sent_at_once_comes_back_as_an_event() {
    let server = filled(CONFIG, 300).await;
    for n in 0..20 {
        let mut client = server.connect("/chat").await;
        // What clients do in `onopen`, while their history is still being read.
        client.send(json!({"n": 1_000 + n, "stray": true})).await;
        let (_, echo) = client.recv_until(|frame| frame["n"] == 1_000 + n).await;
        assert_eq!(echo["_method"], "POST", "not as a row of history: {echo}");
        assert_eq!(echo["stray"], true, "{echo}");
    }
}

#[tokio::test]
async fn missing_columns_are_added_at_start_and_others_left_alone() {
    let mut server = filled(CONFIG, 1).await;
    server.write_config(&format!(
        "{CONFIG}\ncolumns.late = {{ type = \"TEXT\", default = \"new\" }}"
    ));
    server.restart().await;
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(
        (&rows[0]["n"], &rows[0]["late"]),
        (&json!(0), &json!("new"))
    );
    server.write_config(CONFIG);
    server.restart().await;
    let late: String = crate::support::database::value(&server.database(), "SELECT late FROM chat");
    assert_eq!(
        late, "new",
        "what is not configured is neither changed nor removed"
    );
}
