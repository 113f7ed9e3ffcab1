//! COMMITs whose answers are lost: what took place is acknowledged once, what did not is
//! written, and nothing is there twice.

use serde_json::json;

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::meddler::{Cut, Meddler};
use crate::support::{Setup, database, eventually};

on_each_database!(
    a_commit_without_an_answer_is_looked_up,
    a_log_that_was_put_back_is_refused,
);

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.n = "INTEGER"
"#;

async fn a_commit_without_an_answer_is_looked_up(kept: Kept) {
    let running = match &kept {
        // It has no line that could be cut.
        Kept::Sqlite => return,
        Kept::Postgres(running, _) | Kept::MariaDb(running, _) => running,
    };
    let folder = tempfile::Builder::new().prefix("cut-").tempdir_in("/tmp");
    let folder = folder.expect("a folder");
    let (url, own) = running.by_way_of(folder.path());
    let meddler = Meddler::start(&own, running.socket());
    let server = Setup::new(CONFIG).storage(&url).start().await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "row", "n": 0})).await;
    let id = reader.recv().await["id"].clone();
    for n in 1..=6 {
        let cut = if n % 2 == 0 { Cut::Before } else { Cut::Answer };
        meddler.cut(cut);
        // A change of a row fails if it is made twice.
        let message_id = format!("m{n}");
        client
            .send(json!({"_method": "PUT", "id": id, "n": n, "_msg_id": message_id}))
            .await;
        eventually("the commit", async || meddler.has_cut().then_some(())).await;
        if cut == Cut::Answer {
            eventually("the commit to take place", async || {
                let log = kept.log(&server, "chat").await;
                (log.len() == n + 1).then_some(())
            })
            .await;
            meddler.hang_up();
        }
        let answer = client.answer_to(&message_id).await;
        assert!(answer["_ack"].is_object(), "{n}: {answer}");
        assert_eq!(reader.recv().await["n"], n);
    }
    let log = kept.log(&server, "chat").await;
    database::assert_gapless(&log);
    assert_eq!(log.len(), 7);
    assert_eq!(kept.number(&server, "SELECT n FROM chat").await, 6);
}

async fn a_log_that_was_put_back_is_refused(kept: Kept) {
    if matches!(kept, Kept::Sqlite) {
        // Its file is locked, and nobody can put it back under a running server.
        return;
    }
    let mut server = kept.of(Setup::new(CONFIG)).start().await;
    let mut client = server.connect("/chat?body=-").await;
    for n in 0..3 {
        client.acked(json!({"body": "x", "n": n})).await;
    }
    let (_, position) = server.connect("/chat?_after=").await.history().await;
    for put_back in [
        "DELETE FROM hookcast_log WHERE time > 0 AND sent LIKE '%\"n\":2%'",
        "UPDATE hookcast_endpoints SET head = 2 WHERE name = 'chat'",
    ] {
        kept.execute(&server, put_back).await;
    }
    for _ in 0..2 {
        let code = client.refused_with(json!({"body": "lost"})).await;
        assert_eq!(code, "unavailable");
    }
    server
        .log
        .with(&[
            "ERROR",
            "ends at 2 in the database and at 3 here",
            "restart",
        ])
        .await;
    server.restart().await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "new"})).await;
    let mut reader = server.connect(&format!("/chat?_after={position}")).await;
    assert!(reader.recv().await.get("_reset").is_some());
    let log = kept.log(&server, "chat").await;
    database::assert_gapless(&log);
    assert_eq!(log.len(), 3);
}
