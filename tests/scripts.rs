//! Plugins in JavaScript in the running server: uploaded, reloaded, failing.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, guests};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["p"]
"#;

/// A plugin that marks what it has prepared.
fn marking(mark: &str) -> String {
    format!(
        "export const version = '{mark}';
         export function prepare(call, message) {{ return {{ ...message, p: '{mark}' }}; }}"
    )
}

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).script("p.js", &marking("a"));
    setup.start().await
}

async fn put(server: &TestServer, bytes: impl Into<Vec<u8>>) -> crate::support::admin::Answer {
    server.api_with("PUT", "/api/plugins/p", bytes.into()).await
}

/// The mark that a message gets now.
async fn mark(server: &TestServer) -> Value {
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "which"})).await;
    client.recv().await["p"].take()
}

/// The plugins folder, sorted.
fn files(server: &TestServer) -> Vec<String> {
    let folder = std::fs::read_dir(server.folder().join("plugins")).unwrap();
    let mut names: Vec<_> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_script_is_exchanged_in_the_running_server() {
    let server = server().await;
    assert_eq!(mark(&server).await, "a");
    let mut stays = server.subscribe("/chat").await;

    let answer = put(&server, marking("b")).await.ok();
    assert_eq!(
        (&answer["version"], &answer["cached"]),
        (&json!("b"), &json!(true))
    );
    assert_eq!(answer["changed"]["file_changed"], true);
    assert_eq!(mark(&server).await, "b");
    let on_disk = std::fs::read_to_string(server.folder().join("plugins/p.js")).unwrap();
    assert_eq!(on_disk, marking("b"));

    std::fs::write(server.folder().join("plugins/p.js"), marking("c")).unwrap();
    server.api("POST", "/api/plugins/p/reload").await.ok();
    assert_eq!(mark(&server).await, "c");
    let seen = [stays.recv().await, stays.recv().await];
    assert_eq!(seen.map(|event| event["p"].clone()), ["b", "c"]);
    assert_eq!(files(&server), ["p.js"]);
}

#[tokio::test]
async fn a_script_that_does_not_load_leaves_the_old_one_serving() {
    let server = server().await;
    for (source, says) in [
        ("export function prepare( {", "p.js:1:"),
        ("throw new Error('at the top');", "Error: at the top"),
        ("export const prepare = true;", "`prepare`"),
        ("(module)", "module"),
    ] {
        let (code, message) = put(&server, source).await.refused(422);
        assert_eq!(code, "load_failed", "{message}");
        for part in ["step script", says] {
            assert!(message.contains(part), "{source}: {message}");
        }
        assert_eq!(mark(&server).await, "a", "after {source}");
        let shown = server.api("GET", "/api/plugins/p").await.ok();
        assert_eq!(shown["failure"]["step"], "script");
        assert_eq!(shown["version"], "a");
    }
    let on_disk = std::fs::read_to_string(server.folder().join("plugins/p.js")).unwrap();
    assert_eq!(on_disk, marking("a"));
}

#[tokio::test]
async fn a_plugin_changes_between_a_script_and_a_component() {
    let server = server().await;
    put(&server, guests::bytes("versioned-b")).await.ok();
    assert_eq!(files(&server), ["p.wasm"]);
    assert_eq!(mark(&server).await, "b");
    put(&server, marking("c")).await.ok();
    assert_eq!(files(&server), ["p.js"]);
    assert_eq!(mark(&server).await, "c");

    server.api("POST", "/api/plugins/p/reload").await.ok();
    assert_eq!(mark(&server).await, "c", "the file is the script");
    let on_disk = std::fs::read_to_string(server.folder().join("plugins/p.js")).unwrap();
    assert_eq!(on_disk, marking("c"));
}

#[tokio::test]
async fn a_module_keeps_its_name() {
    let setup = Setup::new(CONFIG).script("p.mjs", &marking("a"));
    let server = setup.start().await;
    assert_eq!(mark(&server).await, "a");
    put(&server, marking("b")).await.ok();
    assert_eq!(files(&server), ["p.mjs"]);
    assert_eq!(mark(&server).await, "b");
    let (_, message) = put(&server, "let;").await.refused(422);
    assert!(message.contains("p.mjs:1:"), "{message}");
}

#[tokio::test]
async fn two_files_of_one_plugin_are_refused() {
    let both = |setup: Setup| setup.script("p.js", &marking("a")).script("p.mjs", "");
    let server = both(Setup::new(CONFIG)).prepare();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for part in ["p.js", "p.mjs", "a plugin is one file"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    // One that appears later is no reason to stop: the old generation serves on.
    let server = self::server().await;
    let other = server.folder().join("plugins/p.wasm");
    std::fs::write(&other, guests::bytes("versioned-b")).unwrap();
    let answer = server.api("POST", "/api/plugins/p/reload").await;
    let (_, message) = answer.refused(422);
    for part in ["step read", "p.js", "p.wasm", "delete the others"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(mark(&server).await, "a");
    // An upload says which one is meant.
    put(&server, marking("c")).await.ok();
    assert_eq!(files(&server), ["p.js"]);
    assert_eq!(mark(&server).await, "c");
}

#[tokio::test]
async fn a_throw_is_the_operators_to_read_and_not_the_senders() {
    let source = "export function prepare(call, message) {
    if (message.body === 'bad') throw new Error('secret');
}";
    let server = Setup::new(CONFIG).script("p.js", source).start().await;
    let mut client = server.subscribe("/chat").await;
    let error = client.refused(json!({"body": "bad"})).await;
    assert_eq!(error["code"], "plugin_failed");
    assert!(!error.to_string().contains("secret"), "{error}");
    let line = server
        .log
        .with(&["`p`", "`prepare`", "Error: secret"])
        .await;
    assert!(line.contains("generation"), "{line}");
    server.log.with(&["at prepare (p.js:2:"]).await;
    client.acked(json!({"body": "good"})).await;
    assert_eq!(client.recv().await["body"], "good");
}

#[tokio::test]
async fn what_a_script_says_is_in_the_log_with_its_level() {
    let source = "export function prepare(call, message) {
        console.debug('not shown');
        console.log('plain', 1, { a: [true] }, undefined);
        console.info('info');
        console.warn('warned');
        console.error(new TypeError('wrong'));
        console.log('\\u001b[31mred\\nforged line');
    }";
    let server = Setup::new(CONFIG).script("p.js", source).start().await;
    let mut client = server.connect("/chat").await;
    client.acked(json!({"body": "hi"})).await;
    let of_plugin = ["hookcast::plugin", "plugin=p"];
    for (level, text) in [
        ("INFO", "plain 1 {\"a\":[true]} undefined"),
        ("INFO", "info"),
        ("WARN", "warned"),
        ("ERROR", "TypeError: wrong"),
        ("INFO", "\\u{1b}[31mred\\nforged line"),
    ] {
        let words = [of_plugin[0], of_plugin[1], level, text];
        server.log.with(&words).await;
    }
    let lines = server.log.lines();
    assert!(!lines.iter().any(|line| line.contains("not shown")));
}
