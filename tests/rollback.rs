//! Going back to an earlier generation, by hand.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, guests};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    setup.start().await
}

async fn rollback(server: &TestServer, query: &str) -> Value {
    let path = format!("/api/plugins/versioned/rollback{query}");
    server.api("POST", &path).await.ok()
}

async fn shown(server: &TestServer) -> Value {
    server.api("GET", "/api/plugins/versioned").await.ok()
}

/// The generation that judges a message.
async fn judge(client: &mut TestClient) -> String {
    client.acked(json!({"body": "who?"})).await;
    let event = client.recv_until(|frame| frame["body"] == "who?").await.1;
    assert_eq!(event["p"], event["m"]);
    event["p"].as_str().unwrap().to_owned()
}

fn file(server: &TestServer) -> Vec<u8> {
    std::fs::read(server.folder().join("plugins/versioned.wasm")).unwrap()
}

#[tokio::test]
async fn the_generation_before_comes_back_with_its_file() {
    let mut server = server().await;
    let first = shown(&server).await;
    let second = server.put_plugin("versioned", "versioned-b").await.ok();
    let mut client = server.subscribe("/chat").await;
    assert_eq!(judge(&mut client).await, "b");
    let done = rollback(&server, "").await;
    assert_eq!(
        (&done["version"], &done["digest"]),
        (&json!("0.1.0"), &first["digest"])
    );
    assert_eq!(done["cached"], true, "its machine code is still there");
    let steps: Vec<_> = done["steps"].as_array().unwrap().iter().collect();
    let named = |name: &str| steps.iter().any(|step| step["step"] == name);
    for step in [
        "read", "imports", "describe", "fit", "write", "keep", "swap",
    ] {
        assert!(named(step), "{step} of {done}");
    }
    assert_eq!(judge(&mut client).await, "a", "sockets stay open");
    assert_eq!(file(&server), guests::bytes("versioned-a"));
    let now = shown(&server).await;
    assert_eq!(now["rolled_back"]["from"], second["generation"]);
    assert_eq!(now["rolled_back"]["to"], now["generation"]);
    let outcomes: Vec<_> = now["history"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes[0]["outcome"], "live");
    assert_eq!(outcomes[1]["outcome"], "rolled-back");
    let nothing = server.api("POST", "/api/plugins/versioned/rollback").await;
    let (code, message) = nothing.refused(409);
    assert_eq!(code, "nothing_there");
    assert!(message.contains("0.1.0"), "what there is: {message}");
    let by = ["by=\"operator\"", "plugin=\"versioned\""];
    assert_eq!(
        server.metric("hookcast_plugin_rollbacks_total", &by).await,
        1.0
    );

    server.restart().await;
    assert_eq!(shown(&server).await["version"], "0.1.0");
}

#[tokio::test]
async fn any_kept_generation_can_be_named_after_a_restart_too() {
    let mut server = server().await;
    let first = shown(&server).await;
    let second = server.put_plugin("versioned", "versioned-b").await.ok();
    server.put_plugin("versioned", "chat").await.ok();
    server.restart().await;
    let third = shown(&server).await;
    assert!(
        third["generation"].as_u64() > second["generation"].as_u64(),
        "numbers go on after a restart: {third}"
    );
    let digest = first["digest"].as_str().unwrap();
    let done = rollback(&server, &format!("?to={}", &digest[..8])).await;
    assert_eq!(done["digest"], first["digest"]);
    let done = rollback(&server, &format!("?to={}", second["generation"])).await;
    assert_eq!(
        done["digest"], second["digest"],
        "a later one, by its number"
    );
    let mut client = server.subscribe("/chat").await;
    assert_eq!(judge(&mut client).await, "b");

    for (to, status, known) in [
        ("999", 404, "no_such_generation"),
        ("abcdef", 404, "no_such_generation"),
        ("", 404, "no_such_generation"),
        (second["digest"].as_str().unwrap(), 409, "already_live"),
    ] {
        let path = format!("/api/plugins/versioned/rollback?to={to}");
        let (code, message) = server.api("POST", &path).await.refused(status);
        assert_eq!(code, known, "{to}");
        assert!(message.contains("0.2.0"), "what there is: {message}");
    }
    let unknown = server.api("POST", "/api/plugins/nobody/rollback").await;
    assert_eq!(unknown.refused(404).0, "no_such_plugin");
    let typo = server
        .api("POST", "/api/plugins/versioned/rollback?too=1")
        .await;
    assert_eq!(typo.refused(400).0, "bad_query");
}

#[tokio::test]
async fn a_lost_history_costs_the_way_back_and_no_start() {
    let mut server = server().await;
    server.put_plugin("versioned", "versioned-b").await.ok();
    let history = server.folder().join("data/plugins/versioned/history.json");
    std::fs::write(&history, b"{\"entries\": [{").unwrap();
    server.restart().await;
    server.log.with(&["ERROR", "versioned", "history"]).await;
    let nothing = server.api("POST", "/api/plugins/versioned/rollback").await;
    assert_eq!(nothing.refused(409).0, "nothing_there");
    server.put_plugin("versioned", "versioned-a").await.ok();
    assert_eq!(rollback(&server, "").await["version"], "0.2.0");
}

#[tokio::test]
async fn a_kept_file_that_was_changed_is_not_loaded() {
    let server = server().await;
    let first = shown(&server).await;
    server.put_plugin("versioned", "versioned-b").await.ok();
    let digest = first["digest"].as_str().unwrap();
    let kept = server
        .folder()
        .join(format!("data/plugins/versioned/{digest}.wasm"));
    assert_eq!(std::fs::read(&kept).unwrap(), guests::bytes("versioned-a"));
    std::fs::write(&kept, guests::bytes("chat")).unwrap();
    let (code, message) = server
        .api("POST", "/api/plugins/versioned/rollback")
        .await
        .refused(500);
    assert_eq!(code, "file_failed");
    assert!(message.contains("was changed"), "{message}");
    assert_eq!(shown(&server).await["version"], "0.2.0");
    assert_eq!(file(&server), guests::bytes("versioned-b"));
}

#[tokio::test]
async fn the_command_line_goes_back_and_stops_and_resumes() {
    let server = server().await;
    server.put_plugin("versioned", "versioned-b").await.ok();
    let said = admin(&server, &["rollback", "versioned"]).await;
    assert!(said.contains("versioned serves as generation 3"), "{said}");
    assert!(said.contains("swap"), "{said}");
    assert_eq!(shown(&server).await["version"], "0.1.0");
    let said = admin(&server, &["rollback", "versioned", "--to", "2"]).await;
    assert!(said.contains("generation 4"), "{said}");
    assert_eq!(shown(&server).await["version"], "0.2.0");
    let reason = ["quarantine", "versioned", "--reason", "it smells & more"];
    admin(&server, &reason).await;
    let quarantine = shown(&server).await["quarantine"].take();
    assert_eq!(quarantine["reason"], "it smells & more");
    admin(&server, &["resume", "versioned"]).await;
    assert_eq!(shown(&server).await["quarantine"], Value::Null);
    let wasm = guests::file("versioned-a");
    let put = ["put", "--dry-run", "versioned", wasm.to_str().unwrap()];
    let said = admin(&server, &put).await;
    assert!(said.contains("would serve"), "{said}");
    assert_eq!(shown(&server).await["version"], "0.2.0");
}

/// What `hookcast admin` prints.
async fn admin(server: &TestServer, words: &[&str]) -> String {
    let mut command = server.admin_command();
    command.args(words);
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = run.await.unwrap().expect("the command's output");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}{wrong}");
    said
}
