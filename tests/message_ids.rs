//! Message ids: a message that is sent again is stored once.

use serde_json::json;

use crate::support::{Setup, TestClient, TestServer, database};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    [endpoints.other]
    path = "/other"
    columns.body = "TEXT"
    [endpoints.users]
    path = "/users"
    columns.body = "TEXT"
    plugins = ["relay"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

/// Sends; returns the position, or the code of the error.
async fn send(client: &mut TestClient, id: &str, body: &str, name: Option<&str>) -> String {
    let mut message = json!({"body": body, "_msg_id": id});
    if let Some(name) = name {
        message["_client"] = name.into();
    }
    client.send(message).await;
    let answer = client.answer_to(id).await;
    let said = answer["_ack"]["position"]
        .as_str()
        .or(answer["_error"]["code"].as_str());
    said.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn a_repeat_gets_the_first_position_and_makes_no_second_event() {
    let mut server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    let first = send(&mut client, "m1", "one", Some("me")).await;
    let second = send(&mut client, "m2", "two", Some("me")).await;
    assert_ne!(first, second);
    assert_eq!(send(&mut client, "m1", "one", Some("me")).await, first);
    // Another connection, and another run of the server, know it as well.
    let mut again = server.connect("/chat?body=-").await;
    assert_eq!(send(&mut again, "m1", "one", Some("me")).await, first);
    send(&mut again, "end", "last", Some("me")).await;
    let bodies: Vec<_> = listener
        .recv_before("last")
        .await
        .iter()
        .map(|e| e["body"].clone())
        .collect();
    assert_eq!(bodies, ["one", "two"]);
    server.restart().await;
    let mut again = server.connect("/chat?body=-").await;
    assert_eq!(send(&mut again, "m1", "one", Some("me")).await, first);
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 3);
}

#[tokio::test]
async fn repeats_in_one_commit_group_are_one_message() {
    let server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    for _ in 0..50 {
        client
            .send(json!({"body": "same", "_msg_id": "m", "_client": "me"}))
            .await;
    }
    let mut positions = Vec::new();
    for _ in 0..50 {
        let answer = client.answer_to("m").await;
        positions.push(
            answer["_ack"]["position"]
                .as_str()
                .expect("acknowledged")
                .to_owned(),
        );
    }
    positions.dedup();
    assert_eq!(positions.len(), 1, "all have the first one's position");
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn another_message_under_a_used_id_is_refused() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    send(&mut client, "m1", "one", Some("me")).await;
    assert_eq!(
        send(&mut client, "m1", "changed", Some("me")).await,
        "msg_id_reused"
    );
    client
        .send(json!({"_method": "DELETE", "id": "x", "_msg_id": "m1", "_client": "me"}))
        .await;
    assert!(client.answer_to("m1").await.get("_error").is_some());
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn ids_belong_to_their_sender_and_endpoint() {
    let server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    let mut other = server.connect("/other?body=-").await;
    let mut nameless = server.connect("/chat?body=-").await;
    send(&mut client, "m1", "one", Some("me")).await;
    send(&mut client, "m1", "two", Some("someone else")).await;
    send(&mut client, "m1", "three", None).await;
    send(&mut nameless, "m1", "four", None).await;
    send(&mut other, "m1", "five", Some("me")).await;
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 4);
    // Without a name, ids last as long as the connection.
    assert_eq!(
        send(&mut nameless, "m1", "changed", None).await,
        "msg_id_reused"
    );
}

#[tokio::test]
async fn users_keep_their_ids_over_connections_and_nobody_can_use_them() {
    let server = server().await;
    let mut alice = server.connect("/users?user=alice&body=-").await;
    let first = send(&mut alice, "m1", "one", None).await;
    let mut again = server.connect("/users?user=alice&body=-").await;
    assert_eq!(send(&mut again, "m1", "one", None).await, first);
    let mut bob = server.connect("/users?user=bob&body=-").await;
    assert_ne!(send(&mut bob, "m1", "one", None).await, first);
    let mut anonymous = server.connect("/users?body=-").await;
    for name in ["alice", "u:alice"] {
        assert_ne!(
            send(&mut anonymous, "m1", "one", Some(name)).await,
            first,
            "{name}"
        );
    }
}

#[tokio::test]
async fn rejections_are_not_remembered() {
    let server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    client
        .send(json!({"_method": "PUT", "id": "x", "body": "b", "_msg_id": "m1", "_client": "me"}))
        .await;
    assert_eq!(client.answer_to("m1").await["_error"]["code"], "not_found");
    let position = send(&mut client, "m1", "now", Some("me")).await;
    assert!(position.contains('-'), "{position}");
}

#[tokio::test]
async fn without_an_id_there_is_no_acknowledgement() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client.send(json!({"body": "quiet"})).await;
    client.send(json!({"body": "last"})).await;
    let before = client.recv_before("last").await;
    assert_eq!(before.len(), 1, "the echo alone: {before:?}");
    let echo = before[0].as_object().unwrap();
    assert!(!echo.contains_key("_msg_id") && !echo.contains_key("_client"));
}

#[tokio::test]
async fn ids_are_not_told_to_others() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    send(&mut client, "private-id", "one", Some("private-name")).await;
    let text = listener.recv_text().await;
    assert!(!text.contains("private"), "{text}");
    let logged: String = database::value(&server.database(), "SELECT sent FROM hookcast_log");
    assert!(!logged.contains("private"), "{logged}");
}
