//! Plugins by the admin API: shown, added, exchanged under live sockets, deleted.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, guests};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
    [endpoints.plain]
    path = "/plain"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest_as("versioned-a", "versioned")
        .start()
        .await
}

#[tokio::test]
async fn a_plugin_is_shown_with_what_it_is() {
    let server = server().await;
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(
        (&shown["name"], &shown["version"]),
        (&json!("versioned"), &json!("0.1.0"))
    );
    assert_eq!(shown["hooks"], json!(["prepare", "modify"]));
    assert_eq!(
        (&shown["endpoints"], &shown["failure"]),
        (&json!(["chat"]), &Value::Null)
    );
    assert_eq!(shown["size"], guests::bytes("versioned-a").len());
    assert_eq!(shown["digest"].as_str().unwrap().len(), 64);
    let list = server.api("GET", "/api/plugins").await.ok();
    assert_eq!(list["plugins"].as_array().unwrap().len(), 1);
    assert_eq!(list["plugins"][0]["digest"], shown["digest"]);
    assert_eq!(
        server
            .api("GET", "/api/plugins/nobody")
            .await
            .refused(404)
            .0,
        "no_such_plugin"
    );
}

#[tokio::test]
async fn an_upload_takes_effect_for_sockets_that_stay_open() {
    let server = server().await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "one"})).await;
    let event = client.recv().await;
    assert_eq!((&event["p"], &event["m"]), (&json!("a"), &json!("a")));
    let before = server.api("GET", "/api/plugins/versioned").await.ok();
    let done = server.put_plugin("versioned", "versioned-b").await.ok();
    assert_eq!(
        (&done["plugin"], &done["version"]),
        (&json!("versioned"), &json!("0.2.0"))
    );
    assert!(
        done["generation"].as_u64() > before["generation"].as_u64(),
        "{done}"
    );
    assert_eq!(done["changed"]["previous"], before["generation"]);
    assert_eq!(done["changed"]["file_changed"], true);
    let steps: Vec<_> = done["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["step"])
        .collect();
    assert!(
        steps.contains(&&json!("describe")) && steps.contains(&&json!("imports")),
        "{done}"
    );
    client.acked(json!({"body": "two"})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["p"], &event["m"]),
        (&json!("b"), &json!("b")),
        "the next message is the new one's"
    );
}

#[tokio::test]
async fn an_uploaded_plugin_is_still_there_after_a_restart() {
    let mut server = server().await;
    server.put_plugin("versioned", "versioned-b").await.ok();
    let file = server.folder().join("plugins/versioned.wasm");
    assert_eq!(std::fs::read(file).unwrap(), guests::bytes("versioned-b"));
    server.restart().await;
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(shown["version"], "0.2.0");
    let left = std::fs::read_dir(server.folder().join("plugins"))
        .unwrap()
        .count();
    assert_eq!(left, 1, "no half-written files");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_loaded_on_demand() {
    let server = server().await;
    let file = server.folder().join("plugins/versioned.wasm");
    std::fs::copy(guests::file("versioned-b"), file).unwrap();
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(shown["version"], "0.1.0", "not before it is told to");
    let done = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .ok();
    assert_eq!(done["version"], "0.2.0");
    let mut client = server.connect("/chat").await;
    client.send(json!({"body": "one"})).await;
    assert_eq!(client.recv().await["p"], "b");
    let again = server
        .api("POST", "/api/plugins/versioned/reload")
        .await
        .ok();
    assert_eq!(again["changed"]["file_changed"], false);
    assert_eq!(again["cached"], true, "machine code is made once: {again}");
}

#[tokio::test]
async fn changes_of_hooks_and_handlers_are_named() {
    let server = server().await;
    let changed = server.put_plugin("versioned", "chat").await.ok()["changed"].take();
    assert_eq!(
        changed["hooks_added"],
        json!(["open", "handlers"]),
        "{changed}"
    );
    assert_eq!(changed["handlers_added"], json!(["ping"]));
    let mut client = server.connect("/chat").await;
    client
        .recv_until(|frame| frame.get("_greeting").is_some())
        .await;
    client.send(json!({"_type": "ping"})).await;
    assert_eq!(
        client.recv().await,
        json!({"_type": "pong"}),
        "handlers work at once"
    );
    let changed = server.put_plugin("versioned", "versioned-a").await.ok()["changed"].take();
    assert_eq!(
        changed["hooks_removed"],
        json!(["open", "handlers"]),
        "{changed}"
    );
    client.acked(json!({"_type": "ping"})).await;
    let event = client.recv().await;
    assert_eq!(
        (&event["_type"], &event["p"]),
        (&json!("ping"), &json!("a")),
        "now it is a message"
    );
}

#[tokio::test]
async fn a_plugin_in_use_cannot_be_deleted_and_another_can() {
    let server = server().await;
    let (code, message) = server
        .api("DELETE", "/api/plugins/versioned")
        .await
        .refused(409);
    assert_eq!(code, "in_use");
    assert!(
        message.contains("chat") && message.contains("versioned"),
        "who uses it: {message}"
    );
    assert!(server.folder().join("plugins/versioned.wasm").is_file());
    server.put_plugin("spare", "chat").await.ok();
    assert!(server.folder().join("plugins/spare.wasm").is_file());
    assert_eq!(
        server.api("DELETE", "/api/plugins/spare").await.ok(),
        json!({"deleted": "spare"})
    );
    assert!(!server.folder().join("plugins/spare.wasm").exists());
    assert_eq!(server.api("GET", "/api/plugins/spare").await.status, 404);
    assert_eq!(
        server
            .api("DELETE", "/api/plugins/spare")
            .await
            .refused(404)
            .0,
        "no_such_plugin"
    );
    assert_eq!(
        server
            .api("POST", "/api/plugins/spare/reload")
            .await
            .refused(404)
            .0,
        "no_such_plugin"
    );
}

#[tokio::test]
async fn names_cannot_leave_the_folder() {
    let server = server().await;
    for name in [
        "..%2Fescape",
        "%2e%2e%2fescape",
        "Upper",
        "with_underscore",
        "a%00b",
        ".hidden",
        "-x",
        "%20",
    ] {
        let answer = server.put_plugin(name, "chat").await;
        assert!(
            [400, 404, 422].contains(&answer.status),
            "{name}: {} {}",
            answer.status,
            answer.text
        );
        let answer = server.api("DELETE", &format!("/api/plugins/{name}")).await;
        assert!(
            [400, 404, 422].contains(&answer.status),
            "{name}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert!(!server.folder().join("escape.wasm").exists());
    let left = std::fs::read_dir(server.folder().join("plugins"))
        .unwrap()
        .count();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn core_modules_are_made_components() {
    let server = server().await;
    server.put_plugin("versioned", "core-module").await.ok();
    let mut client = server.connect("/chat").await;
    client.send(json!({"body": "one"})).await;
    assert_eq!(client.recv().await["core"], true);
}

#[tokio::test]
async fn two_plugins_of_one_endpoint_may_not_take_the_same_type() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        plugins = ["chat", "versioned"]
    "#;
    let server = Setup::new(config)
        .guest("chat")
        .guest_as("versioned-a", "versioned")
        .start()
        .await;
    let (code, message) = server.put_plugin("versioned", "chat").await.refused(409);
    assert_eq!(code, "does_not_fit");
    assert!(
        message.contains("ping") && message.contains("chat"),
        "{message}"
    );
    let mut client = server.connect("/chat").await;
    client
        .recv_until(|frame| frame.get("_greeting").is_some())
        .await;
    client.send(json!({"body": "one"})).await;
    assert_eq!(client.recv().await["p"], "a", "the old one serves on");
    let file = server.folder().join("plugins/versioned.wasm");
    assert_eq!(
        std::fs::read(file).unwrap(),
        guests::bytes("versioned-a"),
        "nor is the file replaced"
    );
}
