//! The admin listener: who may ask, what is shown, and ending connections.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, eventually};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/ws/{room}"
    columns.body = "TEXT"
    plugins = ["relay"]
    [endpoints.memory]
    path = "/memory"
    durability = "ephemeral"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

#[tokio::test]
async fn nothing_is_shown_or_changed_without_the_token() {
    let server = server().await;
    let paths = [
        ("GET", "/api/plugins"),
        ("GET", "/api/plugins/relay"),
        ("PUT", "/api/plugins/relay"),
        ("DELETE", "/api/plugins/relay"),
        ("POST", "/api/plugins/relay/reload"),
        ("POST", "/api/reload"),
        ("GET", "/api/endpoints"),
        ("GET", "/api/connections"),
        ("GET", "/api/connections/x"),
        ("DELETE", "/api/connections/x"),
        ("GET", "/metrics"),
        ("GET", "/api/nothing"),
    ];
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic only-for-tests",
        "only-for-tests",
    ] {
        for (method, path) in paths {
            let headers = [("authorization", authorization)];
            let headers = if authorization.is_empty() {
                &[][..]
            } else {
                &headers[..]
            };
            let answer = server.api_as(headers, method, path, Vec::new()).await;
            let (code, message) = answer.refused(401);
            assert_eq!(
                code, "unauthorized",
                "{method} {path} with `{authorization}`"
            );
            assert!(message.contains("Bearer"), "{message}");
        }
    }
    let same = server.api_as(
        &[("authorization", "bearer only-for-tests")],
        "GET",
        "/api/plugins",
        vec![],
    );
    assert_eq!(same.await.status, 200, "the scheme's case does not matter");
}

#[tokio::test]
async fn probes_need_no_token() {
    let server = server().await;
    assert_eq!(
        server.api_as(&[], "GET", "/healthz", vec![]).await.text,
        "ok\n"
    );
    assert_eq!(
        server.api_as(&[], "GET", "/readyz", vec![]).await.text,
        "ready\n"
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_are_said_to_be() {
    let server = server().await;
    assert_eq!(
        server.api("GET", "/api/nothing").await.refused(404).0,
        "no_such_path"
    );
    assert_eq!(
        server.api("PATCH", "/api/plugins").await.refused(405).0,
        "no_such_method"
    );
    assert_eq!(
        server.api("GET", "/ws/1").await.status,
        404,
        "endpoints are not on this listener"
    );
    assert_eq!(
        server.http("GET", "/api/plugins").await.status,
        404,
        "nor this API on theirs"
    );
    assert_eq!(server.http("GET", "/metrics").await.status, 404);
}

#[tokio::test]
async fn endpoints_are_shown_with_their_state() {
    let server = server().await;
    let mut client = server.connect("/ws/1?body=-").await;
    let position = client.acked(json!({"body": "one"})).await;
    let chat = server.endpoint("chat").await;
    assert_eq!(
        (&chat["path"], &chat["table"]),
        (&json!("/ws/{room}"), &json!("chat"))
    );
    assert_eq!(
        (&chat["plugins"], &chat["durability"]),
        (&json!(["relay"]), &json!("full"))
    );
    assert_eq!(
        (&chat["connections"], &chat["head"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(chat["position"], position);
    let memory = server.endpoint("memory").await;
    assert_eq!(
        (&memory["table"], &memory["durability"]),
        (&Value::Null, &json!("ephemeral"))
    );
}

#[tokio::test]
async fn an_operator_can_end_a_connection() {
    let server = server().await;
    let mut client = server.connect("/ws/1?_after=").await;
    let mut other = server.connect("/ws/1?_after=").await;
    client.history().await;
    other.history().await;
    client.send(json!({"_type": "join", "group": "mine"})).await;
    client.recv().await;
    let shown = server.api("GET", "/api/connections").await.ok();
    let shown = shown["connections"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 2);
    let mine = shown
        .iter()
        .find(|one| one["groups"] == json!(["mine"]))
        .expect("mine");
    assert_eq!(
        (&mine["endpoint"], &mine["args"]),
        (&json!("chat"), &json!([["_after", [""]]]))
    );
    let id = mine["id"].as_str().unwrap();
    let path = format!("/api/connections/{id}");
    assert_eq!(
        server.api("GET", &path).await.ok()["id"],
        id,
        "shown by itself"
    );
    assert_eq!(
        server
            .api("DELETE", &format!("/api/connections/{id}"))
            .await
            .ok(),
        json!({"closed": id})
    );
    assert_eq!(
        client.closed().await,
        (4403, "closed by the operator".to_owned())
    );
    other.is_alive().await;
    client.close().await;
    eventually("the connection to be gone", async || {
        let again = server
            .api("DELETE", &format!("/api/connections/{id}"))
            .await;
        (again.status == 404).then(|| assert_eq!(again.refused(404).0, "no_such_connection"))
    })
    .await;
    assert_eq!(
        server
            .api("DELETE", "/api/connections/x")
            .await
            .refused(404)
            .0,
        "no_such_connection"
    );
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let server = server().await;
    let mut client = server.connect("/ws/1?_after=").await;
    client.history().await;
    client.acked(json!({"body": "one"})).await;
    client.refused(json!({"_method": "PATCH"})).await;
    assert_eq!(server.metric("hookcast_connections", &["chat"]).await, 1.0);
    assert_eq!(
        server
            .metric("hookcast_rejections_total", &["chat", "unknown_method"])
            .await,
        1.0
    );
    assert!(server.metric("hookcast_deliveries_total", &[]).await >= 1.0);
    assert!(server.metric("hookcast_commit_seconds_count", &[]).await >= 1.0);
    assert!(
        server
            .metric("hookcast_hook_seconds_count", &["relay", "connect"])
            .await
            >= 1.0
    );
    client.close().await;
    eventually("the connection to be counted out", async || {
        (server.metric("hookcast_connections", &["chat"]).await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_is_made_where_none_is_configured() {
    let server = Setup::new(CONFIG).guest("relay").prepare();
    let file = server.folder().join("hookcast.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("token = \"only-for-tests\"", "")).unwrap();
    let mut server = server;
    server.start().await;
    let line = server.log.with(&["no admin token is configured"]).await;
    let token = line.rsplit(' ').next().unwrap();
    assert!(token.len() >= 32, "{line}");
    let authorization = format!("Bearer {token}");
    let answer = server
        .api_as(
            &[("authorization", &authorization)],
            "GET",
            "/api/endpoints",
            vec![],
        )
        .await;
    answer.ok();
    assert_eq!(
        server.api("GET", "/api/endpoints").await.status,
        401,
        "no other token does"
    );
}

#[tokio::test]
async fn a_new_token_counts_from_the_reload_on() {
    let server = Setup::new("[endpoints.chat]\npath = \"/chat\"")
        .start()
        .await;
    let file = server.folder().join("hookcast.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("only-for-tests", "the-next-one")).unwrap();
    server.api("POST", "/api/reload").await.ok();
    let (old, new) = ("Bearer only-for-tests", "Bearer the-next-one");
    for (authorization, status) in [(old, 401), (new, 200)] {
        let headers = [("authorization", authorization)];
        let answer = server
            .api_as(&headers, "GET", "/api/plugins", Vec::new())
            .await;
        assert_eq!(answer.status, status, "{authorization}");
    }
}

#[tokio::test]
async fn without_a_token_only_loopback_is_listened_on() {
    let server = Setup::new(CONFIG).guest("relay").prepare();
    let file = server.folder().join("hookcast.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let config = config.replace("token = \"only-for-tests\"", "");
    std::fs::write(&file, config.replace(&server.admin, "0.0.0.0:1")).unwrap();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("token") && said.contains("hookcast.toml"),
        "{said}"
    );
}
