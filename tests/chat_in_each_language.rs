//! The sample plugin `chat` does the same in each language it is written in.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, guests, require};

/// `known` has users with claims: the guest `relay` lets them say who they are.
const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["chat"]
    [endpoints.known]
    path = "/known"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["relay", "chat"]
    [plugins.relay]
    grants = ["rows:read"]
    [plugins.chat.limits]
    component = "32 MiB" # for Python
"#;

/// Adds the plugin `chat` to a server.
type Install = fn(Setup) -> Setup;

/// What a language needs and this machine lacks.
type Missing = fn() -> Option<String>;

const LANGUAGES: &[(&str, Missing, Install)] = &[
    ("Rust", || None, |setup| setup.guest("chat")),
    ("JavaScript", guests::runtime_missing, |setup| {
        setup.sample("javascript/chat.js", "chat.js")
    }),
    (
        "Python",
        || guests::missing("chat-py"),
        |setup| setup.guest_as("chat-py", "chat"),
    ),
];

#[tokio::test]
async fn chat_is_the_same_in_each_language() {
    for (language, missing, install) in LANGUAGES {
        if !require::or_skip(&format!("chat in {language}"), missing()) {
            continue;
        }
        // Seen when one of the scenarios fails.
        eprintln!("chat in {language}");
        let server = install(Setup::new(CONFIG).guest("relay")).start().await;
        describes_itself(&server).await;
        greets(&server).await;
        trims_the_text(&server).await;
        rejects_what_has_no_text(&server).await;
        limits_the_text_by_characters(&server).await;
        names_the_author(&server).await;
        believes_claims_first(&server).await;
        keeps_on_an_edit_what_is_left_out(&server).await;
        marks_what_subscribers_see(&server).await;
        lets_deletes_pass(&server).await;
        answers_pings(&server).await;
    }
}

/// What a subscriber sees of a message.
async fn seen(server: &TestServer, message: Value) -> Value {
    let mut subscriber = server.subscribe("/chat").await;
    subscriber.acked(message).await;
    // The greeting may come before it.
    let is_event = |frame: &Value| frame.get("id").is_some();
    subscriber.recv_until(is_event).await.1
}

/// The row with this id, as it is stored.
async fn stored(server: &TestServer, id: &Value) -> Value {
    let mut client = server.connect("/chat?_after=").await;
    let (rows, _) = client.history().await;
    let row = rows.into_iter().find(|row| row["id"] == *id);
    row.unwrap_or_else(|| panic!("no row {id}"))
}

async fn describes_itself(server: &TestServer) {
    let shown = server.api("GET", "/api/plugins/chat").await.ok();
    assert_eq!(shown["failure"], Value::Null);
    assert_eq!(shown["version"], "0.1.0");
    assert_eq!(
        shown["hooks"],
        json!(["open", "prepare", "modify", "handlers"])
    );
    let handler = &shown["handlers"][0];
    assert_eq!(handler["message_type"], "ping");
    let text = include_str!("../plugins/chat/src/ping.schema.json");
    let schema: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(handler["schema"], schema);
}

async fn greets(server: &TestServer) {
    let mut newcomer = server.connect("/chat?body=-").await;
    assert_eq!(
        newcomer.recv().await,
        json!({"_greeting": "Welcome to chat."})
    );
}

async fn trims_the_text(server: &TestServer) {
    let event = seen(server, json!({"body": " \t hi there \n", "topic": " a "})).await;
    assert_eq!(
        (&event["body"], &event["topic"]),
        (&json!("hi there"), &json!(" a "))
    );
    assert_eq!(stored(server, &event["id"]).await["body"], "hi there");
}

async fn rejects_what_has_no_text(server: &TestServer) {
    let mut client = server.connect("/chat?body=-").await;
    let posted = seen(server, json!({"body": "stays"})).await;
    let id = &posted["id"];
    for message in [
        json!({"topic": "none"}),
        json!({"body": " \n\u{a0}\u{3000}"}),
        json!({"body": 7}),
        json!({"body": null}),
        json!({"body": ["text"]}),
        json!({"_method": "PUT", "id": id, "body": "  "}),
        json!({"_method": "PUT", "id": id, "body": null}),
    ] {
        let error = client.refused(message.clone()).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (
                &json!("empty_body"),
                &json!("Write something first: `body` has no text.")
            ),
            "{message}"
        );
        assert_eq!(error.get("details"), None, "{message}");
    }
    assert_eq!(stored(server, id).await["body"], "stays");
}

async fn limits_the_text_by_characters(server: &TestServer) {
    let mut client = server.connect("/chat?body=-").await;
    for one in ["x", "é", "😀"] {
        client
            .acked(json!({"body": one.repeat(2_000) + "  "}))
            .await;
        let error = client.refused(json!({"body": one.repeat(2_001)})).await;
        assert_eq!(error["code"], "too_long");
        assert_eq!(
            error["message"],
            "At most 2000 characters, please: these are 2001."
        );
        assert_eq!(error["details"], json!({"max": 2_000, "length": 2_001}));
    }
}

async fn names_the_author(server: &TestServer) {
    for (message, name) in [
        (json!({"body": "1"}), "anonymous".to_owned()),
        (json!({"body": "2", "name": "  "}), "anonymous".to_owned()),
        (json!({"body": "3", "name": 7}), "anonymous".to_owned()),
        (json!({"body": "4", "name": " Ann "}), "Ann".to_owned()),
        (
            json!({"body": "5", "name": format!("  {} tail", "😀".repeat(39))}),
            "😀".repeat(39),
        ),
        (json!({"body": "6", "name": "é".repeat(41)}), "é".repeat(40)),
    ] {
        let event = seen(server, message.clone()).await;
        assert_eq!(event["name"], *name, "{message}");
        assert_eq!(stored(server, &event["id"]).await["name"], *name);
    }
}

async fn believes_claims_first(server: &TestServer) {
    let mut alice = server.subscribe("/known?user=alice").await;
    alice.acked(json!({"body": "hi", "name": "Mallory"})).await;
    let event = alice.recv_until(|frame| frame["body"] == "hi").await.1;
    assert_eq!(
        (&event["name"], &event["user"]),
        (&json!("User alice"), &json!("alice"))
    );
}

async fn keeps_on_an_edit_what_is_left_out(server: &TestServer) {
    let event = seen(server, json!({"body": "first", "name": "Ann"})).await;
    let id = &event["id"];
    seen(server, json!({"_method": "PUT", "id": id, "body": " new "})).await;
    let row = stored(server, id).await;
    assert_eq!((&row["body"], &row["name"]), (&json!("new"), &json!("Ann")));
    seen(server, json!({"_method": "PUT", "id": id, "name": " "})).await;
    let row = stored(server, id).await;
    assert_eq!(
        (&row["body"], &row["name"]),
        (&json!("new"), &json!("anonymous"))
    );
}

async fn marks_what_subscribers_see(server: &TestServer) {
    for (body, shout) in [
        ("HELP ME!", true),
        ("ÄÖÜÉ", true),
        ("Hello", false),
        ("OK!", false),
        ("12345", false),
        ("ÉCOLe", false),
        ("日本語日本語", false),
        ("ABC日", false),
    ] {
        let event = seen(server, json!({"body": body})).await;
        let mark = shout.then(|| json!(true));
        assert_eq!(event.get("shout"), mark.as_ref(), "{body}");
        assert_eq!(event.get("edited"), None, "{body}");
        let row = stored(server, &event["id"]).await;
        assert_eq!(row.get("shout"), None, "{body}: marks are not stored");
    }
    let posted = seen(server, json!({"body": "quiet"})).await;
    let edit = json!({"_method": "PUT", "id": posted["id"], "body": "LOUD"});
    let event = seen(server, edit).await;
    assert_eq!(
        (&event["edited"], &event["shout"]),
        (&json!(true), &json!(true))
    );
}

async fn lets_deletes_pass(server: &TestServer) {
    let posted = seen(server, json!({"body": "gone soon"})).await;
    let event = seen(server, json!({"_method": "DELETE", "id": posted["id"]})).await;
    assert_eq!(event["id"], posted["id"]);
    for absent in ["edited", "shout", "name"] {
        assert_eq!(event.get(absent), None, "{event}");
    }
}

async fn answers_pings(server: &TestServer) {
    let mut client = server.connect("/chat?body=-").await;
    for (ping, pong) in [
        (json!({"_type": "ping"}), json!({"_type": "pong"})),
        (
            json!({"_type": "ping", "data": null}),
            json!({"_type": "pong"}),
        ),
        (
            json!({"_type": "ping", "data": [1, {"a": null}]}),
            json!({"_type": "pong", "data": [1, {"a": null}]}),
        ),
        (
            json!({"_type": "ping", "data": false}),
            json!({"_type": "pong", "data": false}),
        ),
    ] {
        assert_eq!(answer(&mut client, ping).await, pong);
    }
}

async fn answer(client: &mut TestClient, message: Value) -> Value {
    client.send(message).await;
    client.recv_until(|frame| frame["_type"] == "pong").await.1
}
