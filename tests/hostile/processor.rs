//! Guests that take the processor: their endpoint is served in the background, so that
//! the others' messages come first.

use std::fs;

use serde_json::{Value, json};

use super::stage::{Stage, Way};
use crate::support::{Setup, TestServer, eventually};

const CONFIG: &str = r#"
        [plugins.guest]
        grants = ["rows:write"]
        limits = { hook = "50ms", wall = "5s", instances = 1 }
        [endpoints.bad]
        path = "/bad"
        columns.body = "TEXT"
        plugins = ["guest"]
        [endpoints.good]
        path = "/good"
        columns.body = "TEXT"
"#;

/// A twentieth of one processor is all that an endpoint may take, however many there are.
fn setup() -> Setup {
    let processors = std::thread::available_parallelism().expect("processors");
    let share = 0.05 / processors.get() as f64;
    Setup::new(CONFIG)
        .guest_as("intruder", "guest")
        .server_keys(&format!("endpoint_share = {share:.6}"))
}

async fn in_background(server: &TestServer, name: &str) -> Value {
    let shown = server.api("GET", "/api/endpoints").await.ok();
    let endpoints = shown["endpoints"].as_array().expect("endpoints");
    let endpoint = endpoints.iter().find(|one| one["name"] == name);
    endpoint.expect("the endpoint")["background"].clone()
}

/// The priorities of the server's threads with this name: 0 is the usual one, 19 the
/// lowest.
fn priorities(server: u32, name: &str) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{server}/task")).expect("the server's threads");
    let stats =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    let named = stats.filter(|stat| stat.contains(&format!("({name})")));
    // The 19th field; the second is the name.
    let nice = named.map(|stat| {
        let fields = stat.rsplit_once(')').expect("a name").1;
        let nice = fields.split_ascii_whitespace().nth(16).expect("a priority");
        nice.parse().expect("a number")
    });
    nice.collect()
}

#[tokio::test]
async fn an_endpoint_that_takes_much_makes_way_for_the_others_until_it_is_calm() {
    let mut stage = Stage::with(setup()).await;
    assert_eq!(in_background(&stage.server, "bad").await, false);
    assert!(priorities(stage.server.pid(), "background").is_empty());
    let way = Way::deed("prepare", "loop");
    for _ in 0..3 {
        stage.attack(&way, "plugin_timeout").await;
    }
    assert_eq!(in_background(&stage.server, "bad").await, true);
    assert_eq!(in_background(&stage.server, "good").await, false);
    let threads = priorities(stage.server.pid(), "background");
    assert!(
        !threads.is_empty() && threads.iter().all(|nice| *nice == 19),
        "{threads:?}"
    );
    let figure = stage
        .server
        .metric("hookcast_in_background", &["bad"])
        .await;
    assert!((figure - 1.0).abs() < f64::EPSILON, "{figure}");

    // It works there as anywhere, and comes back.
    stage.attacker.acked(json!({"body": "calm"})).await;
    eventually("the endpoint is served by the usual threads", async || {
        (in_background(&stage.server, "bad").await == false).then_some(())
    })
    .await;
    stage.attacker.acked(json!({"body": "calm again"})).await;
}

#[tokio::test]
async fn an_endpoint_that_is_alone_disturbs_nobody() {
    let server = setup().start().await;
    let mut attacker = server.subscribe("/bad").await;
    for _ in 0..3 {
        attacker
            .send(json!({"_msg_id": "a", "body": "-", "do_prepare": "loop"}))
            .await;
        assert_eq!(
            attacker.answer_to("a").await["_error"]["code"],
            "plugin_timeout"
        );
    }
    assert_eq!(in_background(&server, "bad").await, false);
    // Whoever comes is served first from then on.
    let _neighbour = server.subscribe("/good").await;
    assert_eq!(in_background(&server, "bad").await, true);
}
