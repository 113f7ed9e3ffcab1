//! `GET` with `_wait`: an answer that waits until there is something to say.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::admin::{self, Answer};
use crate::support::{Setup, TestServer, eventually};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    [endpoints.rooms]
    path = "/rooms"
    columns.body = "TEXT"
    columns.room = "TEXT"
    plugins = ["relay"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

async fn post(server: &TestServer, message: Value) -> String {
    server.publish("POST", "/chat", message).await.position(201)
}

async fn head(server: &TestServer, path: &str) -> String {
    server.http("GET", path).await.messages().1
}

/// A request that waits: it is there and has read all there is when this returns.
async fn waiting(server: &TestServer, path: &str) -> JoinHandle<Answer> {
    let before = connected(server).await;
    let url = format!("http://{}{path}", server.address);
    let request = tokio::spawn(async move { admin::request("GET", &url, &[], Vec::new()).await });
    eventually("the request to wait", async || {
        let shown = server.api("GET", "/api/connections").await.ok();
        let connections = shown["connections"].as_array()?;
        let current = connections.iter().all(|one| one["lag"] == 0);
        (connections.len() > before && current).then_some(())
    })
    .await;
    request
}

async fn connected(server: &TestServer) -> usize {
    let shown = server.api("GET", "/api/connections").await.ok();
    shown["connections"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_is_there_is_answered_at_once() {
    let server = server().await;
    let start = head(&server, "/chat").await;
    let posted = post(&server, json!({"body": "there"})).await;
    let path = format!("/chat?_after={start}&_wait=55s");
    let (messages, position) = server.http("GET", &path).await.messages();
    assert_eq!((messages.len(), &messages[0]["body"]), (1, &json!("there")));
    assert_eq!(position, posted);
}

#[tokio::test]
async fn the_first_event_that_concerns_it_ends_the_wait() {
    let server = server().await;
    let start = head(&server, "/chat").await;
    let request = waiting(&server, &format!("/chat?_after={start}&_wait=55s&topic=a")).await;
    post(&server, json!({"body": "not this", "topic": "b"})).await;
    let posted = post(&server, json!({"body": "this", "topic": "a"})).await;
    let (messages, position) = request.await.unwrap().messages();
    assert_eq!((messages.len(), &messages[0]["body"]), (1, &json!("this")));
    assert_eq!(messages[0]["_position"], posted);
    // Nothing after it can have been passed over.
    let later = post(&server, json!({"body": "next", "topic": "a"})).await;
    let path = format!("/chat?_after={position}&_wait=55s&topic=a");
    let (messages, _) = server.http("GET", &path).await.messages();
    assert_eq!(messages[0]["_position"], later);
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[tokio::test]
async fn a_wait_in_vain_ends_with_a_position_that_has_moved_on() {
    let mut server = server().await;
    let start = head(&server, "/chat").await;
    let path = format!("/chat?_after={start}&_wait=55s&topic=a");
    let request = waiting(&server, &path).await;
    let mut last = String::new();
    for n in 0..10 {
        last = post(&server, json!({"n": n, "topic": "b"})).await;
    }
    let path = format!("/chat?_after={start}&_wait=10ms&topic=a");
    let (messages, position) = server.http("GET", &path).await.messages();
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(
        position, last,
        "what was none of its business is not read again"
    );
    // The other would wait for most of a minute.
    server.terminate();
    let (messages, position) = request.await.unwrap().messages();
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(position, last);
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_shapes_history_does_not_mute_the_wait() {
    let server = server().await;
    post(&server, json!({"body": "old", "n": 1})).await;
    let path = "/chat?_limit=0&_c=body&_wait=55s";
    let request = waiting(&server, path).await;
    post(&server, json!({"body": "new", "n": 2})).await;
    let (messages, _) = request.await.unwrap().messages();
    assert_eq!(messages, [json!({"body": "new"})]);
}

#[tokio::test]
async fn one_poll_after_the_other_sees_everything_once() {
    let server = server().await;
    let mut position = head(&server, "/chat").await;
    let url = server.url("/chat?body=-");
    let writer = tokio::spawn(async move {
        let mut client = crate::support::TestClient::connect(&url, &[])
            .await
            .unwrap();
        for n in 0..500 {
            let topic = ["a", "b"][n % 2];
            client.acked(json!({"n": n, "topic": topic})).await;
        }
    });
    let (mut seen, mut polls) = (Vec::new(), 0);
    while seen.len() < 250 {
        let path = format!("/chat?_after={position}&_wait=55s&topic=a");
        let (messages, next) = server.http("GET", &path).await.messages();
        assert!(!messages.is_empty(), "nothing came in 55 s");
        seen.extend(
            messages
                .iter()
                .map(|message| message["n"].as_i64().unwrap()),
        );
        position = next;
        polls += 1;
    }
    writer.await.unwrap();
    assert_eq!(seen, (0..500).step_by(2).collect::<Vec<_>>());
    assert!(polls > 1, "one poll is no test");
}

#[tokio::test]
async fn groups_reach_those_who_wait() {
    let server = server().await;
    let request = waiting(&server, "/rooms?room=lobby&_wait=55s").await;
    let other = waiting(&server, "/rooms?room=cellar&_wait=55s").await;
    let sent = json!({"_type": "to_group", "group": "lobby", "message": {"for": "the lobby"}});
    let mut sender = server.connect("/rooms").await;
    sender.acked(sent).await;
    let (messages, _) = request.await.unwrap().messages();
    assert_eq!(messages, [json!({"for": "the lobby"})]);
    let (messages, _) = other.await.unwrap().messages();
    assert!(messages[0].get("_left").is_some(), "{messages:?}");
}

#[tokio::test]
async fn an_unknown_position_is_reset_without_a_wait() {
    let server = server().await;
    let path = "/chat?_after=0123456789abcdef-7&_wait=55s";
    let (messages, _) = server.http("GET", path).await.messages();
    assert_eq!(messages[0]["_reset"]["reason"], "unknown_position");
}

#[tokio::test]
async fn the_server_s_end_ends_the_wait() {
    let mut server = server().await;
    let start = head(&server, "/chat").await;
    let request = waiting(&server, &format!("/chat?_after={start}&_wait=55s")).await;
    server.terminate();
    let (messages, position) = request.await.unwrap().messages();
    assert!(messages.is_empty(), "{messages:?}");
    assert_eq!(position, start);
    assert_eq!(server.ended().await.code(), Some(0));
    server.start().await;
    let posted = post(&server, json!({"body": "later"})).await;
    let path = format!("/chat?_after={start}&_wait=55s");
    let (messages, _) = server.http("GET", &path).await.messages();
    assert_eq!(
        messages[0]["_position"], posted,
        "the position is still good"
    );
}

#[tokio::test]
async fn who_leaves_is_forgotten() {
    let server = server().await;
    let start = head(&server, "/chat").await;
    let path = format!("/chat?_after={start}&_wait=55s");
    let mut stream = tokio::net::TcpStream::connect(&server.address)
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
        .await
        .unwrap();
    eventually("the request to wait", async || {
        (connected(&server).await == 1).then_some(())
    })
    .await;
    drop(stream);
    eventually("nobody to wait", async || {
        (connected(&server).await == 0).then_some(())
    })
    .await;
}
