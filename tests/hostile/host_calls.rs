//! Attacks by way of host functions: waiting in them, leaving by them, keeping their
//! handles, asking them for too much, and reaching for others.

use serde_json::json;

use super::stage::{LONG, Stage, WAITING, Way};
use crate::support::Setup;

/// A deed of `intruder` in `prepare`.
async fn fails(deed: &str, limits: &str, code: &str, says: &str) -> Stage {
    let mut stage = Stage::new("intruder", limits).await;
    stage.endures(&Way::deed("prepare", deed), code).await;
    stage.logged("prepare", &[says]).await;
    stage
}

#[tokio::test]
async fn sleeping_ends_at_the_wall_cap() {
    for deed in ["sleep", "wait_for_nothing", "many_timers"] {
        fails(deed, WAITING, "plugin_timeout", "limits.wall").await;
    }
}

#[tokio::test]
async fn sleeping_in_any_hook_ends_at_the_wall_cap() {
    let mut stage = Stage::new("intruder", WAITING).await;
    for hook in ["connect", "open", "defaults", "modify", "handlers", "close"] {
        let way = Way::deed(hook, "sleep");
        stage.endures(&way, "plugin_timeout").await;
        stage.logged(hook, &["limits.wall"]).await;
    }
}

#[tokio::test]
async fn sleepers_do_not_take_the_workers() {
    let mut stage = Stage::new("intruder", r#"wall = "2s","#).await;
    let mut sleepers = Vec::new();
    for _ in 0..8 {
        let mut client = stage.server.subscribe("/bad").await;
        client
            .send(json!({"body": "never", "do_prepare": "sleep", "_msg_id": "sleep"}))
            .await;
        sleepers.push(client);
    }
    for _ in 0..10 {
        stage.neighbour_is_served().await;
    }
    for client in &mut sleepers {
        let answer = client.answer_to("sleep").await;
        assert_eq!(answer["_error"]["code"], "plugin_timeout", "{answer}");
    }
    stage.calls().await;
}

#[tokio::test]
async fn standard_input_is_at_its_end() {
    let mut stage = Stage::new("intruder", LONG).await;
    let read = json!({"body": "read", "do_prepare": "read_stdin"});
    stage.attacker.acked(read).await;
    stage.neighbour_is_served().await;
}

#[tokio::test]
async fn exit_ends_the_instance_and_not_the_server() {
    fails("exit_0", LONG, "plugin_failed", "exit").await;
    fails("exit_1", LONG, "plugin_failed", "exit").await;
}

#[tokio::test]
async fn handles_that_are_never_dropped_are_bounded() {
    fails("keep_pollables", LONG, "plugin_failed", "resource").await;
    fails("keep_streams", LONG, "plugin_failed", "resource").await;
}

#[tokio::test]
async fn a_list_of_millions_is_refused_before_it_is_copied() {
    fails("poll_one_often", LONG, "plugin_failed", "limits.output").await;
}

#[tokio::test]
async fn a_terabyte_of_random_numbers_is_refused() {
    fails("much_random", LONG, "plugin_failed", "exceeds limit").await;
}

#[tokio::test]
async fn effects_are_bounded_in_number_and_in_bytes() {
    let mut stage = Stage::new("intruder", LONG).await;
    for message in [
        json!({"body": "never", "do_prepare": "large_effects"}),
        json!({"body": "never", "do_prepare": "effects", "count": 1_000_000}),
        json!({"body": "never", "do_modify": "effects", "count": 1_000_000}),
    ] {
        // The plugin rejects with the host's code: a rejection, and the instance stays.
        let code = stage.attacker.refused_with(message).await;
        assert_eq!(code, "limit");
        stage.neighbour_is_served().await;
    }
    stage.attacker.acked(json!({"body": "last"})).await;
    let frames = stage.attacker.recv_before("last").await;
    assert!(
        frames
            .iter()
            .all(|frame| frame.get("_effect").is_none() && frame.get("_large").is_none()),
        "nothing of it is sent: {frames:?}"
    );
}

const SHARED: &str = r#"
    [endpoints.bad]
    path = "/bad"
    columns.body = "TEXT"
    plugins = ["guest"]
    [endpoints.good]
    path = "/good"
    columns.body = "TEXT"
    plugins = ["guest"]
    [plugins.guest]
    grants = ["rows:write"]
"#;

#[tokio::test]
async fn connections_of_another_endpoint_are_out_of_reach() {
    let setup = Setup::new(SHARED).guest_as("intruder", "guest");
    let mut stage = Stage::with(setup).await;
    let mut victim = stage.server.subscribe("/good").await;
    victim.send(json!({"_type": "calls"})).await;
    let (_, told) = victim
        .recv_until(|frame| frame.get("calls").is_some())
        .await;
    let connection = told["connection"].clone();
    for deed in ["close_other", "reply_to_other"] {
        let mut attack = json!({"body": deed, "do_prepare": deed, "connection": connection});
        attack["_msg_id"] = deed.into();
        stage.attacker.send(attack).await;
        // Whether it is refused or reaches nobody: the victim hears nothing of it.
        stage.attacker.answer_to(deed).await;
    }
    stage.neighbour_is_served().await;
    victim.acked(json!({"body": "still here"})).await;
    let heard = victim.recv_before("still here").await;
    assert!(
        heard.iter().all(|frame| frame.get("_intruder").is_none()),
        "{heard:?}"
    );
}

#[tokio::test]
async fn another_endpoint_is_out_of_reach_without_a_grant() {
    let mut stage = Stage::new("intruder", LONG).await;
    let publish = json!({"body": "never", "do_prepare": "publish_elsewhere"});
    assert_eq!(stage.attacker.refused_with(publish).await, "denied");
    // The neighbour hears what it says itself and nothing else.
    stage.neighbour_is_served().await;
}
