//! What an exchange reports, what it refuses, and exchanges at the same time.

use serde_json::{Value, json};

use crate::support::load::{Load, Loss};
use crate::support::{Setup, TestServer, database, guests};

const CONFIG: &str = r#"
    [plugins.versioned]
    grants = ["kv"]
    [plugins.versioned.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    setup.start().await
}

async fn shown(server: &TestServer) -> Value {
    server.api("GET", "/api/plugins/versioned").await.ok()
}

fn file(server: &TestServer) -> Vec<u8> {
    std::fs::read(server.folder().join("plugins/versioned.wasm")).unwrap()
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_reports_the_same() {
    let server = server().await;
    let before = shown(&server).await;
    let files = || walk(server.folder());
    let files_before = files();
    let path = "/api/plugins/versioned?dry_run=true";
    let tried = server
        .api_with("PUT", path, guests::bytes("chat"))
        .await
        .ok();
    assert_eq!(
        (&tried["dry_run"], &tried["probation"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(tried["changed"]["hooks_added"], json!(["open", "handlers"]));
    let failing = server
        .api_with("PUT", path, guests::bytes("no-hooks"))
        .await;
    assert_eq!(failing.refused(422).0, "load_failed");
    assert_eq!(failing.body["error"]["step"], "exports");
    assert_eq!(
        shown(&server).await,
        before,
        "not even the failure is noted"
    );
    assert_eq!(files(), files_before);
    let typo = "/api/plugins/versioned?dryrun=true";
    let typo = server.api_with("PUT", typo, guests::bytes("chat")).await;
    assert_eq!(typo.refused(400).0, "bad_query");
    let new = "/api/plugins/new?dry_run=true";
    server
        .api_with("PUT", new, guests::bytes("chat"))
        .await
        .ok();
    assert_eq!(server.api("GET", "/api/plugins/new").await.status, 404);

    let done = server.put_plugin("versioned", "chat").await.ok();
    assert_eq!(done["dry_run"], false);
    assert_eq!(done["changed"], tried["changed"]);
    let steps = |report: &Value| {
        let steps = report["steps"].as_array().unwrap().iter();
        steps.map(|step| step["step"].clone()).collect::<Vec<_>>()
    };
    let mut all = steps(&tried);
    all.extend(["write", "keep", "swap"].map(Value::from));
    assert_eq!(steps(&done), all);
}

/// Files of the plugins folder and of the archive, with their contents.
fn walk(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let folders = ["plugins", "data/plugins/versioned"];
    let files = folders.iter().flat_map(|name| {
        let files = std::fs::read_dir(folder.join(name)).unwrap();
        files.map(|file| file.unwrap().path())
    });
    let mut files: Vec<_> = files
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn missing_grants_are_named_for_programs() {
    let server = server().await;
    let answer = server.put_plugin("versioned", "relay").await;
    assert_eq!(answer.refused(422).0, "load_failed");
    let error = &answer.body["error"];
    assert_eq!(error["step"], "imports");
    let missing = error["missing_grants"].as_array().unwrap();
    let rows = missing.iter().find(|one| {
        let import = one["import"].as_str().unwrap();
        import.starts_with("hookcast:plugin/rows@")
    });
    let rows = rows.unwrap_or_else(|| panic!("{error}"));
    assert_eq!(rows["grants"], json!(["rows:read", "rows:write"]));
    assert_eq!(
        rows["config"],
        "[plugins.versioned]\ngrants = [\"kv\", \"rows:read\"]"
    );
    assert_eq!(shown(&server).await["version"], "0.1.0");
    let config = CONFIG.replace("[\"kv\"]", "[\"rows:read\", \"publish:chat\"]");
    server.write_config(&config);
    server.api("POST", "/api/reload").await.ok();
    let done = server.put_plugin("versioned", "relay").await.ok();
    assert_eq!(done["changed"]["grants_unused"], json!([]));
    assert_eq!(
        done["changed"]["grants_used"],
        json!(["rows:read", "publish:chat"])
    );
    let done = server.put_plugin("versioned", "versioned-b").await.ok();
    let unused = done["changed"]["grants_unused"].as_array().unwrap();
    assert!(unused.contains(&json!("rows:read")), "{done}");
}

/// The generation that serves, its file and the history are of one and the same digest.
async fn check_agreement(server: &TestServer) {
    let now = shown(server).await;
    let history = now["history"].as_array().unwrap().iter();
    let live: Vec<_> = history.filter(|entry| entry["outcome"] == "live").collect();
    assert_eq!(live.len(), 1, "{now}");
    assert_eq!(live[0]["digest"], now["digest"]);
    assert_eq!(live[0]["generation"], now["generation"]);
    let package = match now["version"].as_str() {
        Some("0.1.0") => "versioned-a",
        _ => "versioned-b",
    };
    assert_eq!(file(server), guests::bytes(package));
    let mut client = server.subscribe("/chat?body=judged").await;
    client.acked(json!({"body": "judged"})).await;
    let judge = client.recv().await["p"].take();
    assert_eq!(package, format!("versioned-{}", judge.as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_of_one_name_come_one_after_the_other() {
    let server = server().await;
    for _ in 0..5 {
        let uploads = ["versioned-a", "versioned-b", "versioned-a", "versioned-b"];
        let uploads = uploads.map(|package| server.put_plugin("versioned", package));
        let mut numbers: Vec<_> = futures_util::future::join_all(uploads)
            .await
            .into_iter()
            .map(|answer| {
                let done = answer.ok();
                (
                    done["generation"].as_u64(),
                    done["changed"]["previous"].as_u64(),
                )
            })
            .collect();
        numbers.sort();
        for pair in numbers.windows(2) {
            assert_eq!(
                pair[1].1, pair[0].0,
                "each replaces the one before: {numbers:?}"
            );
        }
        check_agreement(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollbacks_and_uploads_at_the_same_time_agree_in_the_end() {
    let server = server().await;
    let load = Load::start(&server, "/chat", 4, 2, Loss::Fails).await;
    for _ in 0..10 {
        let (upload, back) = tokio::join!(
            server.put_plugin("versioned", "versioned-b"),
            server.api("POST", "/api/plugins/versioned/rollback"),
        );
        upload.ok();
        // First the rollback: then there may be nothing to go back to.
        assert!([200, 409].contains(&back.status), "{}", back.text);
        load.progress(5).await;
        server.put_plugin("versioned", "versioned-a").await.ok();
    }
    let outcome = load.finish(&server, "/chat").await;
    let log = database::log(&server.database(), "chat");
    outcome.check(&log);
    for entry in &log {
        assert_eq!(entry.sent["p"], entry.sent["m"], "{}", entry.sent);
    }
    check_agreement(&server).await;
}
