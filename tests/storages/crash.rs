//! Crashes of hookcast and of the database server under load: nothing that was acknowledged
//! is lost, nothing is there twice, and service comes back by itself.

use rand::Rng as _;

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::load::{Load, Loss};
use crate::support::{Setup, database};

on_each_database!(
    kills_under_load_lose_and_repeat_nothing,
    crashes_of_the_database_lose_and_repeat_nothing,
);

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

async fn kills_under_load_lose_and_repeat_nothing(kept: Kept) {
    let mut server = kept.of(Setup::new(CONFIG)).start().await;
    let load = Load::start(&server, "/chat", 4, 2, Loss::Reconnects).await;
    for _ in 0..4 {
        let moment = rand::rng().random_range(20..150);
        load.progress(moment).await;
        server.kill();
        let acked = load.acked() as usize;
        server.start().await;
        let log = kept.log(&server, "chat").await;
        database::assert_gapless(&log);
        assert!(
            log.len() >= acked,
            "{acked} acknowledged, {} in the log",
            log.len()
        );
    }
    load.progress(50).await;
    let outcome = load.finish(&server, "/chat").await;
    let log = kept.log(&server, "chat").await;
    outcome.check(&log);
    let rows = kept.number(&server, "SELECT count(*) FROM chat").await;
    assert_eq!(rows as usize, log.len(), "the table has what the log has");
}

async fn crashes_of_the_database_lose_and_repeat_nothing(mut kept: Kept) {
    let server = kept.of(Setup::new(CONFIG)).start().await;
    if kept.server().is_none() {
        // SQLite has no server; its crashes are those of hookcast.
        return;
    }
    let load = Load::start(&server, "/chat", 4, 2, Loss::Reconnects).await;
    for _ in 0..3 {
        let moment = rand::rng().random_range(20..150);
        load.progress(moment).await;
        if let Some(database) = kept.server() {
            database.crash();
            database.start_again();
        }
        load.progress(20).await;
    }
    let outcome = load.finish(&server, "/chat").await;
    let log = kept.log(&server, "chat").await;
    outcome.check(&log);
    let rows = kept.number(&server, "SELECT count(*) FROM chat").await;
    assert_eq!(rows as usize, log.len(), "the table has what the log has");
}
