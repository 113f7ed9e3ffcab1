//! Several plugins on one endpoint, and the order in which hooks run.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.moderate]
    config = { words = "spam, ham" }
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["chat", "moderate"]
    [endpoints.ab]
    path = "/ab"
    columns.p = "TEXT"
    columns.m = "TEXT"
    plugins = ["versioned-a", "versioned-b"]
    [endpoints.ba]
    path = "/ba"
    columns.p = "TEXT"
    columns.m = "TEXT"
    plugins = ["versioned-b", "versioned-a"]
    [endpoints.none]
    path = "/none"
    columns.p = "TEXT"
"#;

async fn server() -> TestServer {
    let guests = ["chat", "moderate", "versioned-a", "versioned-b"];
    guests
        .into_iter()
        .fold(Setup::new(CONFIG), Setup::guest)
        .start()
        .await
}

#[tokio::test]
async fn each_plugin_sees_what_the_one_before_has_made() {
    let server = server().await;
    let mut client = server.connect("/ab?_after=").await;
    client.history().await;
    client.acked(json!({})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["p"], &event["m"]),
        (&json!("b"), &json!("b")),
        "the last one has the last word"
    );
    let mut client = server.connect("/ba?_after=").await;
    client.history().await;
    client.acked(json!({})).await;
    let event = client.recv().await;
    assert_eq!((&event["p"], &event["m"]), (&json!("a"), &json!("a")));
}

#[tokio::test]
async fn modify_changes_what_is_broadcast_and_not_what_is_stored() {
    let server = server().await;
    let mut client = server.connect("/ab?_after=").await;
    client.history().await;
    client.acked(json!({"p": "mine", "m": "mine"})).await;
    let event = client.recv().await;
    assert_eq!((&event["p"], &event["m"]), (&json!("b"), &json!("b")));
    let (rows, _) = server.connect("/ab?_after=").await.history().await;
    assert_eq!(rows[0]["p"], "b", "prepare changes the row");
    assert_eq!(rows[0]["m"], "mine", "modify does not");
}

#[tokio::test]
async fn a_rejection_stops_the_chain_and_leaves_nothing() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    let error = client.refused(json!({"body": "  buy SPAM now "})).await;
    assert_eq!(error["code"], "blocked_word");
    assert!(
        !error.to_string().to_lowercase().contains("spam"),
        "{error}"
    );
    // `chat` comes first: an empty body is its to reject.
    assert_eq!(
        client.refused_with(json!({"body": " "})).await,
        "empty_body"
    );
    client
        .acked(json!({"body": "  eggs  ", "name": "Jo"}))
        .await;
    let (seen, _) = listener.recv_until(|frame| frame["body"] == "eggs").await;
    assert!(
        seen.iter().all(|frame| frame.get("_greeting").is_some()),
        "{seen:?}"
    );
    let (rows, _) = server.connect("/chat?_after=").await.history().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["body"], &rows[0]["name"]),
        (&json!("eggs"), &json!("Jo")),
        "as prepared"
    );
}

#[tokio::test]
async fn put_and_delete_pass_the_hooks_as_well() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client.acked(json!({"body": "one"})).await;
    let posted = client.recv_until(|frame| frame["body"] == "one").await.1;
    assert_eq!(posted["name"], "anonymous");
    let id = &posted["id"];
    assert_eq!(
        client
            .refused_with(json!({"_method": "PUT", "id": id, "body": "ham"}))
            .await,
        "blocked_word"
    );
    client
        .acked(json!({"_method": "PUT", "id": id, "body": "TWO LOUD"}))
        .await;
    let (_, changed) = client.recv_until(|frame| frame["_method"] == "PUT").await;
    assert_eq!(
        (&changed["edited"], &changed["shout"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(changed["id"], *id);
    client.acked(json!({"_method": "DELETE", "id": id})).await;
    assert_eq!(client.recv().await, json!({"_method": "DELETE", "id": id}));
}

#[tokio::test]
async fn without_plugins_nothing_is_changed() {
    let server = server().await;
    let mut client = server.connect("/none").await;
    client.send(json!({"p": "  as it is ", "m": null})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["p"], &event["m"]),
        (&json!("  as it is "), &Value::Null)
    );
}

#[tokio::test]
async fn the_log_says_which_generations_judged_a_message() {
    let server = server().await;
    server.connect("/ab?p=-").await.acked(json!({})).await;
    let by: String =
        crate::support::database::value(&server.database(), "SELECT judged_by FROM hookcast_log");
    let names: Vec<_> = by
        .split(' ')
        .map(|one| one.split_once('@').unwrap())
        .collect();
    assert_eq!((names[0].0, names[1].0), ("versioned-a", "versioned-b"));
    for (name, digest) in names {
        let shown = server
            .api("GET", &format!("/api/plugins/{name}"))
            .await
            .ok();
        assert!(
            shown["digest"].as_str().unwrap().starts_with(digest),
            "{name}: {digest}"
        );
    }
}

#[tokio::test]
async fn two_plugins_with_one_message_type_do_not_start() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        plugins = ["chat", "again"]
    "#;
    let server = Setup::new(config)
        .guest("chat")
        .guest_as("chat", "again")
        .prepare();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for word in ["chat", "again", "ping"] {
        assert!(said.contains(&format!("`{word}`")), "{word}: {said}");
    }
}

#[tokio::test]
async fn instances_may_be_fresh_for_each_call() {
    let config = r#"
        [plugins.misbehave]
        grants = ["rows:write"]
        isolation = "per-call"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        plugins = ["misbehave"]
    "#;
    let server = Setup::new(config).guest("misbehave").start().await;
    let shown = server.api("GET", "/api/plugins/misbehave").await.ok();
    assert_eq!(shown["isolation"], "per-call");
    let mut client = server.connect("/chat?_after=").await;
    client.history().await;
    for n in 0..20 {
        client.acked(json!({"body": n})).await;
        assert_eq!(client.recv().await["body"], n);
        assert_eq!(
            client.refused_with(json!({"do": "trap"})).await,
            "plugin_failed"
        );
    }
}
