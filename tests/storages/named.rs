//! Several storages beside each other.

use serde_json::json;

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::{Setup, database};

on_each_database!(endpoints_are_kept_where_they_say);

async fn endpoints_are_kept_where_they_say(kept: Kept) {
    // The default one under test, and another that is always SQLite.
    let config = r#"
        [storages.archive]
        url = "sqlite://data/archive.db"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        [endpoints.old]
        path = "/old"
        storage = "archive"
        table = "chat"
        columns.body = "TEXT"
    "#;
    let mut server = kept.of(Setup::new(config)).start().await;
    for restarted in [false, true] {
        if restarted {
            server.restart().await;
        }
        let mut chat = server.connect("/chat?body=-").await;
        let mut old = server.connect("/old?body=-").await;
        chat.acked(json!({"body": "here"})).await;
        old.acked(json!({"body": "there"})).await;
        old.acked(json!({"body": "there"})).await;
    }
    assert_eq!(kept.log(&server, "chat").await.len(), 2);
    assert!(kept.log(&server, "old").await.is_empty());
    let archive = database::open(&server.folder().join("data/archive.db"));
    assert_eq!(database::log(&archive, "old").len(), 4);
    let rows: i64 = database::value(&archive, "SELECT count(*) FROM chat");
    assert_eq!(rows, 4);
    let shown = server.api("GET", "/api/alerts").await.ok();
    assert_eq!(shown["waiting"], 0);
}
