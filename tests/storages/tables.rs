//! Tables: made, completed, taken over from other programs, or refused with what to do.

use serde_json::{Value, json};

use super::start::{assert_says, last_words};
use crate::on_each_database;
use crate::support::Setup;
use crate::support::kept::Kept;

on_each_database!(
    missing_columns_are_added,
    what_does_not_fit_is_refused_with_what_to_run,
    rows_are_numbered,
    tables_of_other_programs_are_used,
);

async fn missing_columns_are_added(kept: Kept) {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
    "#;
    let mut server = kept.of(Setup::new(config)).start().await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "before"})).await;
    let more = "columns.body = \"TEXT\"
        columns.topic = { type = \"TEXT\", nullable = false, default = \"it's \\\\ new\" }
        columns.n = { type = \"INTEGER\", default = 3 }";
    server.write_config(&config.replace("columns.body = \"TEXT\"", more));
    server.restart().await;
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows[0]["body"], "before");
    assert_eq!(
        rows[0]["topic"], "it's \\ new",
        "also of rows that are there"
    );
    assert_eq!(rows[0]["n"], 3);
    let wanted = "columns.body = \"TEXT\"\ncolumns.must = { type = \"TEXT\", nullable = false }";
    server.write_config(&config.replace("columns.body = \"TEXT\"", wanted));
    server.terminate();
    server.ended().await;
    let words = last_words(&server).await;
    assert_says(
        &words,
        &["column `must` can't be added", "give it one, or allow NULL"],
    );
}

async fn what_does_not_fit_is_refused_with_what_to_run(kept: Kept) {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.n = "INTEGER"
    "#;
    let mut server = kept.of(Setup::new(config)).start().await;
    server.terminate();
    server.ended().await;
    server.write_config(&config.replace("INTEGER", "TEXT"));
    let words = last_words(&server).await;
    let run = match kept {
        Kept::Sqlite => "ALTER TABLE \"chat\" RENAME COLUMN \"n\" TO \"n_old\"",
        Kept::Postgres(..) => "ALTER TABLE \"chat\" ALTER COLUMN \"n\" TYPE TEXT USING \"n\"::TEXT",
        Kept::MariaDb(..) => "ALTER TABLE `chat` MODIFY `n` LONGTEXT",
    };
    assert_says(
        &words,
        &["column `n` of table `chat`", "columns.n = \"INTEGER\"", run],
    );
    kept.execute(&server, run).await;
    server.start().await;
    let mut client = server.connect("/chat?n=-").await;
    client.acked(json!({"n": "many"})).await;
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows[0]["n"], "many");
}

async fn rows_are_numbered(kept: Kept) {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.id = { type = "INTEGER", autoincrement = true }
        columns.body = "TEXT"
    "#;
    let mut server = kept.of(Setup::new(config)).start().await;
    let mut reader = server.subscribe("/chat").await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect("/chat?body=-").await;
        clients.push(tokio::spawn(async move {
            for _ in 0..5 {
                client.acked(json!({"body": "x", "id": 1})).await;
            }
        }));
    }
    for client in clients {
        client.await.expect("a client");
    }
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(reader.recv().await["id"].as_i64().expect("a number"));
    }
    ids.sort_unstable();
    let expected: Vec<i64> = (1..=20).collect();
    assert_eq!(ids, expected, "each once, whatever the client says");
    server.restart().await;
    let mut reader = server.subscribe("/chat?body=y").await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "y"})).await;
    let next = reader.recv().await["id"].as_i64().expect("a number");
    assert!(next > 20, "{next}");
    client
        .acked(json!({"_method": "PUT", "id": next, "body": "z"}))
        .await;
    // It has left the filter.
    let gone = reader.recv().await;
    assert_eq!(
        (&gone["_method"], &gone["id"]),
        (&json!("DELETE"), &json!(next))
    );
    client.acked(json!({"_method": "DELETE", "id": next})).await;
    assert_eq!(kept.number(&server, "SELECT count(*) FROM chat").await, 20);
}

/// A shop's table: a key of its own, types of its own, a column that is not ours.
async fn tables_of_other_programs_are_used(kept: Kept) {
    let config = r#"
        [endpoints.orders]
        path = "/orders"
        table = "orders"
        columns.number = { type = "UUID", primary_key = true }
        columns.customer = "VARCHAR(10)"
        columns.price = "NUMERIC(8, 2)"
        columns.day = "DATE"
        columns.paid = "TIMESTAMP"
        columns.open = "BOOLEAN"
        columns.pieces = "INTEGER"
        columns.details = "JSON"
    "#;
    // Something must be there before the table is: a database, and SQLite's file.
    let empty = "[endpoints.other]\npath = \"/other\"";
    let mut server = kept.of(Setup::new(empty)).start().await;
    server.terminate();
    server.ended().await;
    let create = match kept {
        Kept::Sqlite => {
            "CREATE TABLE orders (number UUID PRIMARY KEY, customer VARCHAR(10) NOT NULL, \
             price NUMERIC(8, 2), day DATE, paid DATETIME, open BOOLEAN, pieces SMALLINT, \
             details TEXT, notes BLOB DEFAULT 'none')"
        }
        Kept::Postgres(..) => {
            "CREATE TABLE orders (number uuid PRIMARY KEY, customer varchar(10) NOT NULL, \
             price numeric(8, 2), day date, paid timestamptz, open boolean, pieces smallint, \
             details jsonb, notes jsonb DEFAULT '{}')"
        }
        Kept::MariaDb(..) => {
            "CREATE TABLE orders (number uuid PRIMARY KEY, customer varchar(10) NOT NULL, \
             price decimal(8, 2), day date, paid datetime(6), open boolean, pieces smallint, \
             details json, notes json DEFAULT '{}')"
        }
    };
    kept.execute(&server, create).await;
    kept.execute(
        &server,
        "INSERT INTO orders (number, customer, price, day, paid, open, pieces) VALUES \
         ('f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'old', 12.5, '2023-04-01', \
         '2023-04-01 10:30:00.000000', TRUE, 3)",
    )
    .await;
    server.write_config(config);
    server.start().await;
    let (rows, _) = {
        let mut client = server.connect("/orders?_after=").await;
        client
            .recv_until(|frame| frame.get("_history").is_some())
            .await
    };
    let row = &rows[0];
    assert_eq!(row["number"], "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    assert_eq!(row["price"], 12.5);
    assert_eq!(row["day"], "2023-04-01");
    assert!(
        row["paid"].as_str().unwrap().starts_with("2023-04-01"),
        "{row}"
    );
    assert_eq!((&row["open"], &row["pieces"]), (&json!(true), &json!(3)));
    assert!(
        row.get("id").is_none() && row.get("notes").is_none(),
        "{row}"
    );

    let mut reader = server.connect("/orders?_after=&price>=1").await;
    let ended = |frame: &Value| frame.get("_history").is_some();
    reader.recv_until(ended).await;
    let mut client = server.connect("/orders?customer=-").await;
    let order = json!({
        "customer": "new", "price": 19.99, "day": "2024-02-29", "paid": "2024-02-29 12:00",
        "open": false, "pieces": 7, "details": {"b": [1, "x"], "a": null},
    });
    client.acked(order).await;
    let number = reader.recv().await["number"].clone();
    assert_eq!(number.as_str().map(str::len), Some(36), "{number}");
    // What was judged is what is stored: changes find the row again and again.
    for pieces in 8..11 {
        client
            .acked(json!({"_method": "PUT", "number": number, "pieces": pieces}))
            .await;
    }
    let change = json!({
        "_method": "PUT", "number": "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "price": 0.1,
        "paid": null,
    });
    if !matches!(kept, Kept::Sqlite) {
        client.acked(change).await;
    }
    let found = |rows: Vec<Value>| {
        rows.iter()
            .map(|row| row["customer"].clone())
            .collect::<Vec<_>>()
    };
    let filtered = async |query: &str| {
        let mut client = server.connect(&format!("/orders?_after=&{query}")).await;
        found(
            client
                .recv_until(|frame| frame.get("_history").is_some())
                .await
                .0,
        )
    };
    assert_eq!(filtered("day>=2024").await, ["new"]);
    assert_eq!(filtered("paid>~=2024-02-29T12&price>=19").await, ["new"]);
    assert_eq!(filtered("open=false").await, ["new"]);
    assert_eq!(filtered("details").await, ["new"]);
    let (rows, _) = {
        let mut client = server.connect("/orders?_after=&details").await;
        client.recv_until(ended).await
    };
    let details = json!({"b": [1, "x"], "a": null});
    assert_eq!(rows[0]["details"], details, "{rows:?}");
    for (bad, why) in [
        (json!({"customer": "new", "price": "cheap"}), "price"),
        (json!({"price": 1}), "customer"),
    ] {
        let error = client.refused(bad).await;
        let code = error["code"].as_str().unwrap();
        assert!(
            ["bad_value", "constraint"].contains(&code),
            "{why}: {error}"
        );
    }
    if !matches!(kept, Kept::Sqlite) {
        for bad in [
            json!({"customer": "new", "price": 0.125}),
            json!({"customer": "much too long a name"}),
            json!({"customer": "new", "day": "tomorrow"}),
        ] {
            assert_eq!(client.refused_with(bad).await, "bad_value");
        }
    }
    client
        .acked(json!({"_method": "DELETE", "number": number}))
        .await;
    assert_eq!(kept.number(&server, "SELECT count(*) FROM orders").await, 1);
}
