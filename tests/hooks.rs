//! Coming and going: the hooks `connect`, `open` and `close`, and what hooks may know of
//! their connection. The guest `relay` does what the query string says.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer};

// `room` and the others are columns, because what is no column is no filter either.
const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.room = "TEXT"
    columns.client = "TEXT"
    plugins = ["relay"]
    [plugins.relay]
    grants = ["rows:read"]
    config = { colour = "green", size = "7" }
    [endpoints.greeted]
    path = "/greeted"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["relay", "chat"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest("relay")
        .guest("chat")
        .start()
        .await
}

/// What a handler of `relay` answers.
async fn ask(client: &mut TestClient, message_type: &str) -> Value {
    client.send(json!({"_type": message_type})).await;
    let fits = |frame: &Value| frame["_type"] == message_type || frame.get("_error").is_some();
    let mut answer = client.recv_until(fits).await.1;
    assert!(answer.get("result").is_some(), "{answer}");
    answer["result"].take()
}

#[tokio::test]
async fn connect_refuses_with_its_status_and_reason() {
    let server = server().await;
    for (status, seen) in [("403", 403), ("451", 451), ("599", 599), ("503", 503)] {
        let (answered, body) = server.refused(&format!("/chat?refuse={status}"), &[]).await;
        assert_eq!(
            (answered, body["detail"].as_str()),
            (seen, Some("Refused on purpose."))
        );
    }
    let connections = server.api("GET", "/api/connections").await.ok();
    assert_eq!(
        connections["connections"],
        json!([]),
        "refused ones leave nothing behind"
    );
    assert_eq!(server.endpoint("chat").await["connections"], 0);
}

#[tokio::test]
async fn connect_cannot_refuse_with_a_success() {
    let server = server().await;
    for status in ["101", "200", "302", "399", "600", "65535"] {
        let (answered, _) = server.refused(&format!("/chat?refuse={status}"), &[]).await;
        assert!((400..600).contains(&answered), "{status} became {answered}");
    }
}

#[tokio::test]
async fn connect_sets_user_groups_and_metadata() {
    let server = server().await;
    let mut alice = server
        .connect("/chat?user=alice&room=b&room=a&client=tab")
        .await;
    assert_eq!(
        ask(&mut alice, "user").await,
        json!({"name": "User alice", "id": "alice"})
    );
    assert_eq!(ask(&mut alice, "groups").await, json!(["a", "b"]), "sorted");
    assert_eq!(
        ask(&mut alice, "metadata").await,
        json!({"rooms": ["b", "a"]}),
        "as it was set"
    );
    assert_eq!(ask(&mut alice, "session").await, Value::Null);
    let mut nobody = server.connect("/chat").await;
    assert_eq!(ask(&mut nobody, "user").await, Value::Null);
    assert_eq!(ask(&mut nobody, "groups").await, json!([]));
    assert_eq!(ask(&mut nobody, "metadata").await, Value::Null);
    let connections = server.api("GET", "/api/connections").await.ok();
    let of_alice = connections["connections"].as_array().unwrap();
    let of_alice = of_alice
        .iter()
        .find(|one| one["user"] == "alice")
        .expect("alice");
    assert_eq!(
        (&of_alice["groups"], &of_alice["endpoint"]),
        (&json!(["a", "b"]), &json!("chat"))
    );
}

#[tokio::test]
async fn the_authenticated_user_is_written_to_messages() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut alice = server.connect("/chat?user=alice&body=-").await;
    let mut bob = server.connect("/chat?user=bob&body=-").await;
    alice.acked(json!({"body": "one", "user": "bob"})).await;
    let event = listener.recv().await;
    assert_eq!(event["user"], "alice");
    bob.acked(json!({"_method": "PUT", "id": event["id"], "body": "edited", "user": "bob"}))
        .await;
    assert_eq!(
        listener.recv().await["user"],
        "alice",
        "who edits does not become the author"
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(
        (&rows[0]["user"], &rows[0]["body"]),
        (&json!("alice"), &json!("edited"))
    );
}

#[tokio::test]
async fn open_replaces_the_filter() {
    let server = server().await;
    let mut sender = server.connect("/chat?body=-").await;
    sender.acked(json!({"body": "old x", "topic": "x"})).await;
    sender.acked(json!({"body": "old y", "topic": "y"})).await;
    let mut forced = server
        .connect("/chat?force_topic=x&topic=y&body=nothing")
        .await;
    assert_eq!(
        forced.recv().await["body"],
        "old x",
        "the client's own filter is gone"
    );
    assert_eq!(ask(&mut forced, "args").await, json!({"topic": ["x"]}));
    sender.acked(json!({"body": "new y", "topic": "y"})).await;
    sender.acked(json!({"body": "new x", "topic": "x"})).await;
    assert_eq!(forced.recv().await["body"], "new x");
}

#[tokio::test]
async fn open_greets_the_newcomer_alone() {
    let server = server().await;
    let mut first = server.connect("/greeted?_after=").await;
    let (before, end) = first
        .recv_until(|frame| frame.get("_history").is_some())
        .await;
    let greeting = json!({"_greeting": "Welcome to greeted."});
    let greeted = if before.is_empty() {
        first.recv().await
    } else {
        before[0].clone()
    };
    assert_eq!(greeted, greeting, "{end}");
    let mut second = server.connect("/greeted").await;
    assert_eq!(second.recv().await, greeting);
    first.is_alive().await;
    let mut all = Vec::new();
    first.send(json!({"body": "last"})).await;
    all.extend(first.recv_before("last").await);
    assert_eq!(
        all,
        Vec::<Value>::new(),
        "the second's greeting is none of the first's"
    );
}

#[tokio::test]
async fn close_tells_the_others_how_it_ended() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let leaving = server.connect("/chat").await;
    leaving.close().await;
    let left = listener.recv().await;
    assert!(left["_left"].is_string(), "{left}");
    assert_eq!(left["code"], 1005, "a close frame without code: {left}");
    drop(server.connect("/chat").await);
    let left = listener.recv().await;
    assert_eq!(left["code"], 1006, "no close frame at all: {left}");
    let mut refused = server.connect("/chat?nosuch=1").await;
    assert_eq!(refused.closed().await.0, 4400);
    refused.close().await;
    assert!(
        listener.recv().await["_left"].is_string(),
        "who was closed by the server is gone, too"
    );
}

#[tokio::test]
async fn hooks_read_their_settings_and_the_query_string() {
    let server = server().await;
    let mut client = server.connect("/chat?topic=a&topic=b&_x=1").await;
    assert_eq!(
        ask(&mut client, "args").await,
        json!({"topic": ["a", "b"], "_x": ["1"]})
    );
    assert_eq!(
        ask(&mut client, "config").await,
        json!({"colour": "green", "size": "7"})
    );
    client.send(json!({"_type": "config", "key": "size"})).await;
    assert_eq!(client.recv().await["result"], "7");
}

#[tokio::test]
async fn handlers_answer_their_sender_alone_and_store_nothing() {
    let server = server().await;
    let mut other = server.subscribe("/greeted").await;
    let mut client = server.connect("/greeted?body=-").await;
    client
        .send(json!({"_type": "ping", "data": {"n": [1, 2]}, "_msg_id": "p1"}))
        .await;
    let answer = client.answer_to("p1").await;
    assert!(
        answer["_ack"].is_object(),
        "acknowledged like any other: {answer}"
    );
    let (_, pong) = client.recv_until(|frame| frame["_type"] == "pong").await;
    assert_eq!(pong, json!({"_type": "pong", "data": {"n": [1, 2]}}));
    client.acked(json!({"body": "last"})).await;
    let seen = other.recv_before("last").await;
    assert!(
        seen.iter().all(|frame| frame["_type"] != "pong"),
        "{seen:?}"
    );
    let rows: i64 =
        crate::support::database::value(&server.database(), "SELECT count(*) FROM greeted");
    assert_eq!(rows, 1);
}
