//! What plugins send: to whom it goes, to whom not, and what is replayed.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.room = "TEXT"
    plugins = ["relay"]
    [endpoints.other]
    path = "/other"
    columns.body = "TEXT"
    columns.room = "TEXT"
    plugins = ["relay"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

/// Sends to a handler and returns its result; other frames wait.
async fn call(client: &mut TestClient, message_type: &str, mut message: Value) -> Value {
    message["_type"] = message_type.into();
    client.send(message).await;
    loop {
        let frame = client.recv().await;
        if frame["_type"] == message_type {
            return frame["result"].clone();
        }
        assert!(frame.get("_error").is_none(), "{message_type}: {frame}");
    }
}

/// Ids of the endpoint's connections, oldest first.
async fn connections(server: &TestServer) -> Vec<String> {
    let answer = server.api("GET", "/api/connections").await.ok();
    let ids = answer["connections"].as_array().unwrap().iter();
    ids.map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything before a broadcast that all of these get, for each of them.
async fn until_mark(clients: &mut [&mut TestClient]) -> Vec<Vec<Value>> {
    let mark = json!({"_type": "broadcast", "message": {"_mark": true}});
    clients[0].send(mark).await;
    let mut seen = Vec::new();
    for client in clients {
        let (before, _) = client.recv_until(|frame| frame["_mark"] == true).await;
        let frames = before
            .into_iter()
            .filter(|frame| frame.get("_type").is_none());
        seen.push(frames.map(without_position).collect());
    }
    seen
}

fn without_position(mut frame: Value) -> Value {
    frame.as_object_mut().unwrap().shift_remove("_position");
    frame
}

#[tokio::test]
async fn a_group_hears_what_is_sent_to_it_and_nobody_else() {
    let server = server().await;
    let (mut a, mut b) = (
        server.subscribe("/chat?room=1").await,
        server.subscribe("/chat?room=1").await,
    );
    let mut c = server.subscribe("/chat?room=2").await;
    let mut elsewhere = server.subscribe("/other?room=1").await;
    a.send(json!({"_type": "to_group", "group": "1", "message": {"n": 1}}))
        .await;
    a.send(json!({"_type": "to_group", "group": "1", "message": {"n": 2}, "exclude_sender": true}))
        .await;
    a.send(json!({"_type": "to_group", "group": "2", "message": {"n": 3}}))
        .await;
    a.send(json!({"_type": "to_group", "group": "nobody", "message": {"n": 4}}))
        .await;
    let seen = until_mark(&mut [&mut a, &mut b, &mut c]).await;
    assert_eq!(seen[0], [json!({"n": 1})]);
    assert_eq!(seen[1], [json!({"n": 1}), json!({"n": 2})]);
    assert_eq!(seen[2], [json!({"n": 3})]);
    assert_eq!(
        until_mark(&mut [&mut elsewhere]).await[0],
        Vec::<Value>::new(),
        "groups are an endpoint's own"
    );
}

#[tokio::test]
async fn joining_leaving_and_moving_take_effect_with_their_message() {
    let server = server().await;
    let mut a = server.subscribe("/chat").await;
    let mut speaker = server.subscribe("/chat").await;
    for (step, group, expected) in [
        ("join", "x", json!(["x"])),
        ("join", "y", json!(["x", "y"])),
        ("join", "y", json!(["x", "y"])),
        ("leave", "x", json!(["y"])),
        ("leave", "never", json!(["y"])),
        ("move", "z", json!(["z"])),
    ] {
        call(&mut a, step, json!({"group": group})).await;
        assert_eq!(
            call(&mut a, "groups", json!({})).await,
            expected,
            "after {step} {group}"
        );
        for (sent, number) in [("x", 1), ("y", 2), ("z", 3)] {
            let message = json!({"group": sent, "message": {"n": number}});
            call(&mut speaker, "to_group", message).await;
        }
        let heard: Vec<_> = until_mark(&mut [&mut speaker, &mut a]).await[1].clone();
        let groups = expected
            .as_array()
            .unwrap()
            .iter()
            .map(|group| match group.as_str() {
                Some("x") => json!({"n": 1}),
                Some("y") => json!({"n": 2}),
                _ => json!({"n": 3}),
            });
        assert_eq!(heard, groups.collect::<Vec<_>>(), "after {step} {group}");
    }
    let count = call(&mut speaker, "count", json!({"group": "z"})).await;
    assert_eq!(count, 1);
    let members = call(&mut speaker, "members", json!({"group": "z"})).await;
    assert!(
        connections(&server)
            .await
            .contains(&members[0].as_str().unwrap().to_owned())
    );
    a.close().await;
    crate::support::eventually("the group to be empty", async || {
        (call(&mut speaker, "count", json!({"group": "z"})).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_user_hears_on_every_connection() {
    let server = server().await;
    let mut tabs = [
        server.subscribe("/chat?user=al").await,
        server.subscribe("/chat?user=al").await,
    ];
    let mut bob = server.subscribe("/chat?user=bob").await;
    call(
        &mut bob,
        "to_user",
        json!({"user": "al", "message": {"hi": 1}}),
    )
    .await;
    call(
        &mut bob,
        "to_user",
        json!({"user": "nobody", "message": {"hi": 2}}),
    )
    .await;
    let [first, second] = &mut tabs;
    let seen = until_mark(&mut [&mut bob, first, second]).await;
    assert_eq!(
        seen,
        [vec![], vec![json!({"hi": 1})], vec![json!({"hi": 1})]]
    );
}

#[tokio::test]
async fn a_connection_hears_alone_and_no_other_endpoints() {
    let server = server().await;
    let mut a = server.subscribe("/chat").await;
    let id = connections(&server).await.remove(0);
    let mut b = server.subscribe("/chat").await;
    call(
        &mut b,
        "to_connection",
        json!({"connection": id, "message": {"psst": 1}}),
    )
    .await;
    let mut stranger = server.subscribe("/other").await;
    let foreign = json!({"_type": "to_connection", "connection": id, "message": {"psst": 2}});
    stranger.send(foreign).await;
    stranger.recv().await;
    let seen = until_mark(&mut [&mut b, &mut a]).await;
    assert_eq!(seen, [vec![], vec![json!({"psst": 1})]]);
}

#[tokio::test]
async fn broadcasts_reach_all_and_replies_one() {
    let server = server().await;
    let (mut a, mut b) = (
        server.subscribe("/chat?body=-").await,
        server.subscribe("/chat").await,
    );
    a.send(json!({"_type": "broadcast", "message": {"n": 1}}))
        .await;
    a.send(json!({"_type": "broadcast", "message": {"n": 2}, "exclude_sender": true}))
        .await;
    a.send(json!({"_type": "reply", "message": {"n": 3}})).await;
    let mut seen = until_mark(&mut [&mut a, &mut b]).await;
    // Answers may overtake events.
    seen[0].sort_by_key(|frame| frame["n"].as_i64());
    assert_eq!(
        seen[0],
        [json!({"n": 1}), json!({"n": 3})],
        "filters select rows, not sends"
    );
    assert_eq!(seen[1], [json!({"n": 1}), json!({"n": 2})]);
}

#[tokio::test]
async fn a_plugin_closes_connections_behind_what_is_buffered() {
    let server = server().await;
    let mut a = server.subscribe("/chat").await;
    let id = connections(&server).await.remove(0);
    let mut b = server.subscribe("/chat").await;
    b.send(json!({"_type": "to_connection", "connection": id, "message": {"last": "words"}}))
        .await;
    let close = json!({"_type": "close", "connection": id, "code": 4000, "reason": "Time to go."});
    b.send(close).await;
    assert_eq!(a.recv().await, json!({"last": "words"}));
    assert_eq!(a.closed().await, (4000, "Time to go.".to_owned()));
    for (code, reason) in [
        (1001, "x"),
        (2999, "x"),
        (5000, "x"),
        (4000, &*"x".repeat(124)),
    ] {
        let message = json!({"_type": "close", "code": code, "reason": reason});
        assert_eq!(b.refused_with(message).await, "invalid", "{code}");
    }
    b.is_alive().await;
}

#[tokio::test]
async fn what_is_logged_is_an_object() {
    let server = server().await;
    let mut a = server.subscribe("/chat").await;
    // Anything else has no room for a position: who resumes would see it twice.
    let sends = [
        json!({"_type": "broadcast"}),
        json!({"_type": "to_group", "group": "g"}),
        json!({"_type": "to_user", "user": "u"}),
    ];
    for mut send in sends {
        for message in [json!("text"), json!([1]), json!(null), json!(7)] {
            send["message"] = message;
            assert_eq!(a.refused_with(send.clone()).await, "invalid", "{send}");
        }
    }
    a.is_alive().await;
}
