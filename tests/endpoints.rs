//! Paths, their parameters, and requests that are no WebSocket handshake.

use serde_json::json;

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.room]
    path = "/ws/{room}"
    plugins = ["relay"]
    [endpoints.lobby]
    path = "/ws/lobby"
    plugins = ["relay"]
    [endpoints.files]
    path = "/files/{owner}/{*rest}"
    plugins = ["relay"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

#[tokio::test]
async fn path_parameters_reach_hooks() {
    let server = server().await;
    for (path, parameters) in [
        ("/ws/42", json!({"room": "42"})),
        ("/ws/gr%C3%BCn%20%2F%3F", json!({"room": "grün /?"})),
        ("/ws/a?_room=query", json!({"room": "a"})),
        ("/ws/lobby", json!({})),
        (
            "/files/me/a/b.txt",
            json!({"owner": "me", "rest": "a/b.txt"}),
        ),
    ] {
        let mut client = server.connect(path).await;
        client.send(json!({"_type": "path"})).await;
        // The one before may be said to have left.
        let (_, answer) = client
            .recv_until(|frame| frame.get("_left").is_none())
            .await;
        let expected = json!({"_type": "path", "result": parameters});
        assert_eq!(answer, expected, "{path}");
    }
}

#[tokio::test]
async fn endpoints_do_not_hear_one_another() {
    let server = server().await;
    let (mut room, mut lobby) = (
        server.subscribe("/ws/1").await,
        server.subscribe("/ws/lobby").await,
    );
    let mut other_room = server.subscribe("/ws/2").await;
    room.acked(json!({"body": "to the rooms"})).await;
    lobby.acked(json!({"body": "to the lobby"})).await;
    assert_eq!(room.recv().await["body"], "to the rooms");
    assert_eq!(
        other_room.recv().await["body"],
        "to the rooms",
        "one endpoint, whatever the parameter"
    );
    assert_eq!(lobby.recv().await["body"], "to the lobby");
}

#[tokio::test]
async fn what_is_no_endpoint_is_not_found() {
    let server = server().await;
    for path in ["/", "/ws", "/ws/", "/ws/1/2", "/files/me", "/nothing"] {
        let answer = server.http("GET", path).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (404, Some("no_endpoint")),
            "{path}"
        );
        assert_eq!(answer.content_type, "application/problem+json");
        assert_eq!(server.refused(path, &[]).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn methods_that_mean_nothing_here_are_told_which_do() {
    let server = server().await;
    let answer = server.http("PATCH", "/ws/1").await;
    assert_eq!(answer.problem(405), "unknown_method");
    assert_eq!(answer.header("allow"), "GET, POST, PUT, DELETE, OPTIONS");
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect() {
    let server = Setup::new(CONFIG)
        .guest("relay")
        .server_keys("origins = [\"https://app.example\"]")
        .start()
        .await;
    let own = format!("http://{}", server.address);
    for (origin, accepted) in [
        (own.as_str(), true),
        ("https://app.example", true),
        ("https://evil.example", false),
        ("https://app.example.evil.example", false),
        ("http://app.example", false),
        ("null", false),
    ] {
        let connected =
            crate::support::TestClient::connect(&server.url("/ws/1"), &[("origin", origin)]).await;
        match connected {
            Ok(mut client) => {
                assert!(accepted, "{origin} was accepted");
                client.is_alive().await;
            }
            Err((status, body)) => {
                assert!(!accepted, "{origin} was refused: {body}");
                assert_eq!(
                    (status, body["code"].as_str()),
                    (403, Some("origin_refused")),
                    "{origin}"
                );
            }
        }
    }
}

#[tokio::test]
async fn hooks_see_headers_but_no_secrets() {
    let server = server().await;
    let headers = [
        ("X-Shown", "yes"),
        ("Cookie", "session=secret"),
        ("Authorization", "Bearer secret"),
    ];
    let url = server.url("/ws/1");
    let mut client = crate::support::TestClient::connect(&url, &headers)
        .await
        .expect("a connection");
    client.send(json!({"_type": "headers"})).await;
    let shown = client.recv().await;
    assert_eq!(shown["result"]["x-shown"], "yes");
    assert!(!shown.to_string().contains("secret"), "{shown}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused() {
    let server = Setup::new(CONFIG)
        .guest("relay")
        .server_keys("max_connections = 2")
        .start()
        .await;
    let (mut first, second) = (server.connect("/ws/1").await, server.connect("/ws/1").await);
    let answer = server.http("GET", "/ws/1").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    first.is_alive().await;
    second.close().await;
    // Its place is free once the server has seen the end of it.
    crate::support::eventually("a free place", async || {
        (server.http("GET", "/ws/1").await.status == 200).then_some(())
    })
    .await;
}
