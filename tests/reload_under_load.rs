//! Twenty reloads under load: nothing is lost, nobody is cut off, and no message is
//! judged by two generations.

use serde_json::json;

use crate::support::load::{Load, Loss};
use crate::support::{Setup, database, guests};

// Deadlines are not the subject here, and the machine is busy.
const CONFIG: &str = r#"
    [plugins.versioned.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

const RELOADS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_lose_nothing() {
    let server = Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await;
    let load = Load::start(&server, "/chat", 8, 50, Loss::Fails).await;
    load.progress(50).await;
    let broken = guests::bytes("fails-describe");
    for number in 0..RELOADS {
        let failed = server
            .api_with("PUT", "/api/plugins/versioned", broken.clone())
            .await;
        assert_eq!(failed.refused(422).0, "load_failed");
        load.progress(10).await;
        let next = if number % 2 == 0 {
            "versioned-b"
        } else {
            "versioned-a"
        };
        server.put_plugin("versioned", next).await.ok();
        load.progress(10).await;
    }
    let outcome = load.finish(&server, "/chat").await;
    let log = database::log(&server.database(), "chat");
    outcome.check(&log);
    let mut swaps = 0;
    let mut generation = json!("a");
    for entry in &log {
        let (p, m) = (&entry.sent["p"], &entry.sent["m"]);
        assert_eq!(p, m, "one generation judges a message: {}", entry.sent);
        if *p != generation {
            swaps += 1;
            generation = p.clone();
        }
    }
    assert!(
        swaps >= RELOADS,
        "each reload took effect; {swaps} changes seen"
    );
    assert_eq!(generation, "a", "the last reload's");
    assert_eq!(server.metric("hookcast_rejections_total", &[]).await, 0.0);
}
