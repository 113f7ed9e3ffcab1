//! Everything that is kept, on each kind of database: the same messages have the same
//! answers, history, log and table on SQLite, PostgreSQL and MariaDB.

mod alerts;
mod commit;
mod crash;
mod named;
mod start;
mod tables;

use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::{Setup, TestClient, TestServer, database, eventually};

on_each_database!(
    messages_are_stored_changed_and_deleted,
    history_is_filtered_sorted_and_summed,
    a_position_is_continued_after_a_restart,
    repeats_are_known_and_conflicts_refused,
    one_bad_message_harms_no_other,
    keys_are_kept_and_counted,
    old_entries_are_cut,
);

// Deadlines are not the subject here, and the machine is busy.
const CONFIG: &str = r#"
    [plugins.counter]
    grants = ["kv"]
    [plugins.counter.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = { type = "TEXT", nullable = false, default = "general" }
    columns.n = "INTEGER"
    columns.ratio = "DOUBLE"
    columns.done = "BOOLEAN"
    columns.made = { type = "TEXT", default = { function = "uuid" } }
    [endpoints.keys]
    path = "/keys"
    columns.body = "TEXT"
    plugins = ["counter"]
    [endpoints.aged]
    path = "/aged"
    columns.body = "TEXT"
    retention = { count = 3 }
"#;

async fn server(kept: &Kept) -> TestServer {
    kept.of(Setup::new(CONFIG)).guest("counter").start().await
}

async fn messages_are_stored_changed_and_deleted(kept: Kept) {
    let server = server(&kept).await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    let texts = "Zwölf 'Boxkämpfer' \"jagen\" \\ ; -- 日本 \u{1f600}";
    let message = json!({"body": texts, "n": -1, "ratio": 0.1, "done": true, "other": [1]});
    client.acked(message).await;
    client
        .acked(json!({"body": "second", "n": i64::MAX, "ratio": 1e300}))
        .await;
    let first = reader.recv().await;
    let second = reader.recv().await;
    assert_eq!(first["body"], texts);
    let change = json!({"_method": "PUT", "id": first["id"], "n": 7, "done": null});
    client.acked(change).await;
    client
        .acked(json!({"_method": "DELETE", "id": second["id"]}))
        .await;
    assert_eq!(reader.recv().await["_method"], "PUT");
    assert_eq!(reader.recv().await["_method"], "DELETE");
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["body"], texts);
    assert_eq!(row["topic"], "general", "its default");
    assert_eq!(row["made"].as_str().map(str::len), Some(36), "a UUID");
    assert_eq!((&row["n"], &row["ratio"]), (&json!(7), &json!(0.1)));
    assert_eq!((&row["done"], &row["id"]), (&Value::Null, &first["id"]));
    assert_eq!(row["timestamp"], first["timestamp"]);
    // The row that was deleted is gone for others, too.
    let again = client.refused_with(json!({"_method": "DELETE", "id": second["id"]}));
    assert_eq!(again.await, "not_found");
    for n in 0..40 {
        client.acked(json!({"body": "many", "n": n})).await;
    }
    client
        .send(json!({"_method": "DELETE", "n<": "30", "body": "many", "_msg_id": "d"}))
        .await;
    let answer = client.answer_to("d").await;
    assert_eq!(answer["_ack"]["rows"], 30, "{answer}");
    let rows = "SELECT count(*) FROM chat";
    assert_eq!(kept.number(&server, rows).await, 11);
    let log = kept.log(&server, "chat").await;
    database::assert_gapless(&log);
    assert_eq!(log.len(), 4 + 40 + 30);
}

async fn history_is_filtered_sorted_and_summed(kept: Kept) {
    let server = server(&kept).await;
    let mut client = server.connect("/chat?body=-").await;
    for (body, topic, n) in [
        ("one", "Help", 1),
        ("two", "help", 2),
        ("three", "Help", 3),
        ("four", "Help ", 4),
    ] {
        client
            .acked(json!({"body": body, "topic": topic, "n": n}))
            .await;
    }
    let bodies = async |query: &str| {
        let mut client = server.connect(&format!("/chat?_after=&{query}")).await;
        let (rows, _) = client
            .recv_until(|frame| frame.get("_history").is_some())
            .await;
        let shown = rows.iter().map(|row| match row.get("body") {
            Some(body) => body.clone(),
            None => row.clone(),
        });
        shown.collect::<Vec<_>>()
    };
    assert_eq!(bodies("").await, ["one", "two", "three", "four"]);
    assert_eq!(bodies("topic=Help").await, ["one", "three"]);
    assert_eq!(bodies("topic*=HELP&n>=1").await, ["two", "three", "four"]);
    assert_eq!(
        bodies("_sort=-n&_limit=2&_offset=1").await,
        ["three", "two"]
    );
    let sums = bodies("_by=topic&_c=n|sum").await;
    let expected = [
        json!({"topic": "Help", "n|sum": 4}),
        json!({"topic": "Help ", "n|sum": 4}),
        json!({"topic": "help", "n|sum": 2}),
    ];
    assert_eq!(sums, expected);
}

async fn a_position_is_continued_after_a_restart(kept: Kept) {
    let mut server = server(&kept).await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "seen"})).await;
    let (_, position) = server.connect("/chat?_after=").await.history().await;
    client.acked(json!({"body": "missed"})).await;
    server.restart().await;
    let mut late = server.connect("/chat?body=-").await;
    late.acked(json!({"body": "later"})).await;
    let mut reader = server.connect(&format!("/chat?_after={position}")).await;
    let missed = reader.recv().await;
    assert_eq!(missed["body"], "missed");
    assert_eq!(reader.recv().await["body"], "later");
    // A position of no run of this server is told so.
    let mut lost = server.connect("/chat?_after=0000000000000001-1").await;
    assert!(lost.recv().await.get("_reset").is_some());
}

async fn repeats_are_known_and_conflicts_refused(kept: Kept) {
    let mut server = server(&kept).await;
    let send = async |client: &mut TestClient, id: &str, body: &str| {
        let message = json!({"body": body, "_msg_id": id, "_client": "me"});
        client.send(message).await;
        client.answer_to(id).await
    };
    let mut client = server.connect("/chat?body=-").await;
    let first = send(&mut client, "m", "one").await;
    assert!(first["_ack"]["position"].is_string(), "{first}");
    assert_eq!(send(&mut client, "m", "one").await, first);
    let other = send(&mut client, "m", "two").await;
    assert_eq!(other["_error"]["code"], "msg_id_reused");
    server.restart().await;
    let mut client = server.connect("/chat?body=-").await;
    assert_eq!(send(&mut client, "m", "one").await, first);
    assert_eq!(kept.log(&server, "chat").await.len(), 1);
    // In one group, too: the second of two waits for the first.
    for _ in 0..2 {
        let message = json!({"body": "twin", "_msg_id": "twin", "_client": "me"});
        client.send(message).await;
    }
    let twins = [
        client.answer_to("twin").await,
        client.answer_to("twin").await,
    ];
    assert_eq!(twins[0], twins[1]);
    assert_eq!(kept.log(&server, "chat").await.len(), 2);
    // Somebody else changes a row between judging and writing, again and again.
    let mut reader = server.subscribe("/chat").await;
    client.acked(json!({"body": "row", "n": 0})).await;
    let id = reader.recv().await["id"].clone();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let mut own = server.connect("/chat?body=-").await;
        let id = id.clone();
        writers.push(tokio::spawn(async move {
            for n in 0..10 {
                let put = json!({"_method": "PUT", "id": id, "n": writer * 100 + n});
                own.acked(put).await;
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let log = kept.log(&server, "chat").await;
    database::assert_gapless(&log);
    assert_eq!(log.len(), 2 + 1 + 40);
    let last = log.last().expect("an entry").sent["n"].as_i64();
    let stored = kept
        .number(&server, "SELECT n FROM chat WHERE body = 'row'")
        .await;
    assert_eq!(last, Some(stored), "the table has what the log says last");
}

async fn one_bad_message_harms_no_other(kept: Kept) {
    let server = server(&kept).await;
    let unique = match kept {
        Kept::MariaDb(..) => "CREATE UNIQUE INDEX once ON chat (body(50))",
        _ => "CREATE UNIQUE INDEX once ON chat (body)",
    };
    kept.execute(&server, unique).await;
    let mut client = server.connect("/chat?body=-").await;
    // As one group, or several: the answers are the same.
    for n in 0..60 {
        let body = if n % 3 == 2 {
            "same".to_owned()
        } else {
            format!("b{n}")
        };
        client
            .send(json!({"body": body, "_msg_id": format!("m{n}")}))
            .await;
    }
    let mut refused = 0;
    for n in 0..60 {
        let answer = client.answer_to(&format!("m{n}")).await;
        match answer["_error"]["code"].as_str() {
            None => assert!(answer["_ack"].is_object(), "{answer}"),
            Some(code) => {
                assert_eq!(code, "constraint", "{answer}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 19, "all but the first of the same");
    let log = kept.log(&server, "chat").await;
    database::assert_gapless(&log);
    assert_eq!(log.len(), 41);
    assert_eq!(kept.number(&server, "SELECT count(*) FROM chat").await, 41);
}

async fn keys_are_kept_and_counted(kept: Kept) {
    let mut server = server(&kept).await;
    let run = async |client: &mut TestClient, operations: Value| {
        client.send(json!({"_type": "kv", "do": operations})).await;
        let fits = |frame: &Value| frame["_type"] == "kv" || frame.get("_error").is_some();
        client.recv_until(fits).await.1
    };
    let mut client = server.connect("/keys?body=-").await;
    let key = "k\u{e4}\u{0}";
    let set = json!([{"op": "set", "key": key, "value": "v"}, {"op": "get", "key": key}]);
    assert_eq!(run(&mut client, set).await["result"][1], "v");
    let mut writers = Vec::new();
    for _ in 0..4 {
        let mut own = server.connect("/keys?body=-").await;
        writers.push(tokio::spawn(async move {
            for _ in 0..10 {
                let add = json!([{"op": "increment", "key": "n", "delta": 1}]);
                own.send(json!({"_type": "kv", "do": add})).await;
                let fits = |frame: &Value| frame["_type"] == "kv" || frame.get("_error").is_some();
                let (_, answer) = own.recv_until(fits).await;
                assert!(answer["result"].is_array(), "{answer}");
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    server.restart().await;
    let mut client = server.connect("/keys?body=-").await;
    let get = json!([{"op": "get", "key": "n"}, {"op": "get", "key": key}, {"op": "keys"}]);
    let found = run(&mut client, get).await;
    assert_eq!(found["result"][0], "40", "{found}");
    assert_eq!(found["result"][1], "v");
    let bytes = kept
        .number(&server, "SELECT bytes FROM hookcast_kv_spaces")
        .await;
    let counted = match kept {
        Kept::Sqlite => {
            "SELECT sum(octet_length(bucket) + octet_length(key) + octet_length(value)) FROM hookcast_kv"
        }
        Kept::Postgres(..) => {
            "SELECT sum(octet_length(bucket) + octet_length(name) + octet_length(value))::int8 FROM hookcast_kv"
        }
        Kept::MariaDb(..) => {
            "SELECT CAST(sum(octet_length(bucket) + octet_length(name) + octet_length(value)) AS SIGNED) FROM hookcast_kv"
        }
    };
    assert_eq!(bytes, kept.number(&server, counted).await);
}

async fn old_entries_are_cut(kept: Kept) {
    let mut server = server(&kept).await;
    let mut client = server.connect("/aged?body=-").await;
    for n in 0..8 {
        client.acked(json!({"body": format!("{n}")})).await;
    }
    let (_, position) = server.connect("/aged?_after=").await.history().await;
    // It is cut at start, and every minute.
    server.restart().await;
    eventually("the log to be cut", async || {
        let log = kept.log(&server, "aged").await;
        let offsets: Vec<_> = log.iter().map(|entry| entry.offset).collect();
        (offsets == [6, 7, 8]).then_some(())
    })
    .await;
    let mut client = server.connect("/aged?body=-").await;
    client.acked(json!({"body": "next"})).await;
    let mut reader = server.connect(&format!("/aged?_after={position}")).await;
    assert_eq!(reader.recv().await["body"], "next", "offsets go on");
}
