//! Messages about one row from several sides, and many from one: each is judged on what
//! is really stored, and one after the other.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, database};

// Deadlines are not the subject here, and the machine is busy.
const CONFIG: &str = r#"
    [plugins.versioned.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    plugins = ["versioned"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await
}

/// A new row's id.
async fn row(server: &TestServer) -> Value {
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "row", "n": 0})).await;
    client.recv().await["id"].clone()
}

/// Each change in the log was made of the row as the change before had left it.
fn assert_chained(server: &TestServer) {
    let database = server.database();
    let mut statement = database
        .prepare("SELECT old, row FROM hookcast_log WHERE method <> 'DELETE' ORDER BY offset")
        .unwrap();
    let pairs = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let mut last: Option<String> = None;
    for pair in pairs {
        let (old, row): (Option<String>, String) = pair.unwrap();
        assert_eq!(old, last, "`old` is what the change before stored");
        last = Some(row);
    }
    let stored: i64 = database::value(&database, "SELECT n FROM chat");
    let row: Value = serde_json::from_str(&last.unwrap()).unwrap();
    assert_eq!(row["n"], stored, "and the table has the last one");
}

#[tokio::test]
async fn one_connection_may_change_a_row_again_and_again_without_waiting() {
    let server = server().await;
    let id = row(&server).await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    for n in 1..=200 {
        let put = json!({"_method": "PUT", "id": id, "n": n, "_msg_id": format!("m{n}")});
        client.send(put).await;
    }
    for n in 1..=200 {
        let answer = client.answer_to(&format!("m{n}")).await;
        assert!(answer["_ack"].is_object(), "{answer}");
        assert_eq!(reader.recv().await["n"], n);
    }
    assert_chained(&server);
}

#[tokio::test]
async fn what_comes_behind_a_change_in_one_connection_stays_behind_it() {
    let server = server().await;
    let id = row(&server).await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    let mut expected = Vec::new();
    for n in 1..=60 {
        let (message, marker) = match n % 3 {
            0 => (json!({"body": format!("post {n}")}), json!(["POST", n])),
            _ => (json!({"_method": "PUT", "id": id}), json!(["PUT", n])),
        };
        let mut message = message;
        message["n"] = n.into();
        message["_msg_id"] = format!("m{n}").into();
        client.send(message).await;
        expected.push(marker);
    }
    let last = json!({"_method": "DELETE", "id": id, "_msg_id": "delete"});
    client.send(last).await;
    let late = json!({"_method": "PUT", "id": id, "n": 0, "_msg_id": "late"});
    client.send(late).await;
    for marker in expected {
        let event = reader.recv().await;
        assert_eq!(json!([event["_method"], event["n"]]), marker);
    }
    assert_eq!(reader.recv().await["_method"], "DELETE");
    assert!(client.answer_to("delete").await["_ack"].is_object());
    assert_eq!(
        client.answer_to("late").await["_error"]["code"],
        "not_found"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_may_change_one_row_at_once() {
    const WRITERS: i64 = 6;
    const CHANGES: i64 = 40;
    let server = server().await;
    let id = row(&server).await;
    let mut reader = server.subscribe("/chat").await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (mut client, id) = (server.connect("/chat?body=-").await, id.clone());
        writers.push(tokio::spawn(async move {
            let number = |change: i64| writer * 1_000 + change;
            for change in 0..CHANGES {
                let (n, msg_id) = (number(change), format!("m{change}"));
                client
                    .send(json!({"_method": "PUT", "id": id, "n": n, "_msg_id": msg_id}))
                    .await;
            }
            let mut accepted = Vec::new();
            for change in 0..CHANGES {
                let answer = client.answer_to(&format!("m{change}")).await;
                match answer["_error"]["code"].as_str() {
                    None => accepted.push(number(change)),
                    Some(code) => assert_eq!(code, "conflict", "{answer}"),
                }
            }
            accepted
        }));
    }
    let mut accepted = Vec::new();
    for writer in writers {
        accepted.extend(writer.await.expect("a writer"));
    }
    let mut last = server.connect("/chat?body=-").await;
    last.acked(json!({"_method": "PUT", "id": id, "n": -1}))
        .await;
    let (events, _) = reader.recv_until(|frame| frame["n"] == -1).await;
    let seen: Vec<i64> = events
        .iter()
        .filter_map(|event| event["n"].as_i64())
        .collect();
    for writer in 0..WRITERS {
        let of = |numbers: &[i64]| {
            let mine = numbers.iter().filter(|n| **n / 1_000 == writer);
            mine.copied().collect::<Vec<_>>()
        };
        assert_eq!(
            of(&seen),
            of(&accepted),
            "accepted ones, each once, in order"
        );
    }
    assert!(
        accepted.len() as i64 > CHANGES,
        "others' changes do not starve everyone"
    );
    assert_chained(&server);
}
