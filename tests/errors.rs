//! Messages that are not accepted: each has its code, its sender is told, nothing of it
//! takes effect, and the connection stays.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Setup, TestServer, database};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    columns.must = { type = "TEXT", nullable = false, default = "x" }
    message_limit = "1 KiB"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).start().await
}

/// Frames with the code of the error that they get.
const BAD_FRAMES: &[(&str, &str)] = &[
    ("", "bad_json"),
    ("{", "bad_json"),
    ("{} {}", "bad_json"),
    ("{'body': 1}", "bad_json"),
    ("{\"body\": NaN}", "bad_json"),
    ("[]", "not_an_object"),
    ("null", "not_an_object"),
    ("\"text\"", "not_an_object"),
    ("1", "not_an_object"),
    (r#"{"_method": "PATCH"}"#, "unknown_method"),
    (r#"{"_method": ""}"#, "unknown_method"),
    (r#"{"_method": null}"#, "unknown_method"),
    (r#"{"_method": ["POST"]}"#, "unknown_method"),
    (r#"{"_msg_id": ""}"#, "bad_key"),
    (r#"{"_msg_id": {"a": 1}}"#, "bad_key"),
    (r#"{"_msg_id": true}"#, "bad_key"),
    (r#"{"_client": []}"#, "bad_key"),
    (r#"{"_method": "PUT", "body": "all rows?"}"#, "missing_id"),
    (
        r#"{"_method": "PUT", "id": "", "body": "all rows?"}"#,
        "missing_id",
    ),
    (r#"{"_method": "PUT", "id": null}"#, "missing_id"),
    (r#"{"_method": "DELETE"}"#, "missing_id"),
    (r#"{"_method": "DELETE", "n": 1}"#, "not_found"),
    (r#"{"_method": "DELETE", "id": ["a"]}"#, "not_found"),
    (r#"{"_method": "PUT", "id": "nobody"}"#, "not_found"),
    (r#"{"_method": "DELETE", "id": "nobody"}"#, "not_found"),
    (r#"{"n": "abc"}"#, "bad_value"),
    (r#"{"n": 1.5}"#, "bad_value"),
    (r#"{"n": 9223372036854775808}"#, "bad_value"),
    (r#"{"body": ["a", "b"]}"#, "bad_value"),
    (r#"{"body": {"a": 1}}"#, "bad_value"),
    (r#"{"must": null}"#, "bad_value"),
    (r#"{"must": ""}"#, "bad_value"),
];

#[tokio::test]
async fn each_kind_of_bad_frame_has_its_code_and_leaves_no_trace() {
    let server = server().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "first"})).await;
    for (frame, code) in BAD_FRAMES {
        client.send_text(frame).await;
        let answer = client.recv().await;
        assert_eq!(answer["_error"]["code"], *code, "{frame}: {answer}");
        assert!(
            answer["_error"]["message"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{answer}"
        );
        assert_eq!(
            answer["_error"].get("_msg_id"),
            None,
            "it had none: {answer}"
        );
    }
    client.acked(json!({"body": "last"})).await;
    assert_eq!(listener.recv().await["body"], "first");
    assert_eq!(
        listener.recv().await["body"],
        "last",
        "nobody has heard of the others"
    );
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 2);
    database::assert_gapless(&database::log(&server.database(), "chat"));
}

#[tokio::test]
async fn errors_name_the_message_they_are_about() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    client.send(json!({"n": "abc", "_msg_id": "m1"})).await;
    let answer = client.recv().await;
    let keys: Vec<_> = answer["_error"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "message", "_msg_id"]);
    assert_eq!(answer["_error"]["_msg_id"], "m1");
    client.send(json!({"_method": "PATCH", "_msg_id": 7})).await;
    assert_eq!(client.recv().await["_error"]["_msg_id"], "7");
}

#[tokio::test]
async fn too_large_a_message_is_refused_and_the_next_one_read() {
    let server = server().await;
    let mut client = server.connect("/chat?_after=").await;
    client.history().await;
    let at_limit = json!({"body": "x".repeat(1024 - r#"{"body":""}"#.len())}).to_string();
    assert_eq!(at_limit.len(), 1024);
    client.send_text(&at_limit).await;
    assert_eq!(
        client.recv().await["_method"],
        "POST",
        "the limit itself is allowed"
    );
    client.send_text(&(at_limit + " ")).await;
    let answer = client.recv().await;
    assert_eq!(answer["_error"]["code"], "too_large");
    assert_eq!(
        answer["_error"]["details"],
        json!({"size": 1025, "limit": 1024})
    );
    client.acked(json!({"body": "next"})).await;
}

#[tokio::test]
async fn binary_frames_get_an_answer() {
    let server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    client
        .send_frame(Message::binary(vec![0xff, 0x00, 0x01]))
        .await;
    let answer = client.recv().await;
    assert_eq!(answer["_error"]["code"], "bad_json", "{answer}");
    client.is_alive().await;
}

#[tokio::test]
async fn deep_nesting_is_an_error_and_not_a_crash() {
    let server = Setup::new("[endpoints.chat]\npath = \"/chat\"\nmessage_limit = \"1 MiB\"")
        .start()
        .await;
    let mut client = server.connect("/chat").await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(400_000), "]".repeat(400_000));
    client.send_text(&deep).await;
    assert_eq!(client.recv().await["_error"]["code"], "bad_json");
    client.is_alive().await;
}

#[tokio::test]
async fn an_unknown_type_names_the_known_ones() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        plugins = ["chat"]
        [endpoints.plain]
        path = "/plain"
    "#;
    let server = Setup::new(config).guest("chat").start().await;
    let mut client = server.connect("/chat").await;
    let error = client.refused(json!({"_type": "pong"})).await;
    assert_eq!(error["code"], "unknown_type");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("pong") && message.contains("ping"),
        "{message}"
    );
    assert_eq!(
        client.refused_with(json!({"_type": 7})).await,
        "unknown_type"
    );
    // Without handlers the key means nothing.
    let mut client = server.connect("/plain").await;
    client.acked(json!({"_type": "anything"})).await;
    assert_eq!(client.recv().await["_type"], "anything");
}

#[tokio::test]
async fn a_plugins_rejection_arrives_verbatim() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        plugins = ["chat"]
    "#;
    let server = Setup::new(config).guest("chat").start().await;
    let mut client = server.connect("/chat?body=-").await;
    let expected =
        json!({"code": "empty_body", "message": "Write something first: `body` has no text."});
    assert_eq!(client.refused(json!({"body": "  "})).await, expected);
    let error = client.refused(json!({"body": "é".repeat(2001)})).await;
    assert_eq!(error["code"], "too_long");
    assert_eq!(error["details"], json!({"max": 2000, "length": 2001}));
}

#[tokio::test]
async fn the_database_refuses_what_it_must() {
    let mut server = server().await;
    server.terminate();
    server.ended().await;
    let database = server.database();
    let limits = "DROP TABLE chat; \
        CREATE TABLE chat (body TEXT UNIQUE, n INTEGER CHECK (n < 10), must TEXT NOT NULL DEFAULT 'x', \
                           id TEXT PRIMARY KEY, user TEXT, timestamp TEXT);";
    database.execute_batch(limits).unwrap();
    server.start().await;
    let mut listener = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"body": "one", "n": 1})).await;
    // In one commit group, refused ones must not take their neighbours along.
    for (id, message) in [
        ("ok-1", json!({"body": "two"})),
        ("twice", json!({"body": "one"})),
        ("check", json!({"body": "three", "n": 10})),
        ("ok-2", json!({"body": "four"})),
    ] {
        let mut message = message;
        message["_msg_id"] = id.into();
        client.send(message).await;
    }
    for id in ["twice", "check"] {
        let answer = client.answer_to(id).await;
        assert_eq!(answer["_error"]["code"], "constraint", "{answer}");
    }
    for id in ["ok-1", "ok-2"] {
        assert!(client.answer_to(id).await["_ack"].is_object());
    }
    for body in ["one", "two", "four"] {
        assert_eq!(listener.recv().await["body"], body);
    }
    database::assert_gapless(&database::log(&database, "chat"));
}

#[tokio::test]
async fn a_user_can_be_neither_claimed_nor_changed() {
    let server = server().await;
    let mut client = server.connect("/chat?_after=").await;
    client.history().await;
    client.acked(json!({"body": "a", "user": "root"})).await;
    let event = client.recv().await;
    assert_eq!(event["user"], Value::Null);
    client
        .acked(json!({"_method": "PUT", "id": event["id"], "user": "root"}))
        .await;
    assert_eq!(client.recv().await["user"], Value::Null);
    let users: i64 = database::value(&server.database(), "SELECT count(user) FROM chat");
    assert_eq!(users, 0);
}
