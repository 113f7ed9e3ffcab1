//! `hookcast import`: what it writes of the documentation's examples is a config that the
//! server takes, and does what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use crate::support::{Setup, TestServer};

/// What the documentation of MessageHandler shows, one entry for each of its sections.
fn documentation() -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/import/cases");
    cases.join("documentation.yaml")
}

fn hookcast(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookcast"));
    let output = command.args(words).current_dir(folder).output();
    output.expect("hookcast")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_written_passes_the_check() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::copy(documentation(), folder.path().join("gramex.yaml")).expect("the YAML");
    let import = ["import", "gramex.yaml", "--output", "hookcast.toml"];
    let imported = hookcast(folder.path(), &import);
    let report = text(&imported.stderr);
    assert!(imported.status.success(), "{report}");
    let checked = hookcast(folder.path(), &["check-config", "hookcast.toml"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));

    // Only what the config can't say needs a plugin, and is quoted with a sketch.
    for (words, count) in [
        ("needs a plugin:", 3),
        (
            "`open`: logging.info('MessageHandler opened by %s', handler.current_user)",
            1,
        ),
        ("`prepare`: mymodule.my_prepare(msg, handler)", 1),
        ("export function prepare(call, message) {", 2),
        ("export function modify(call, message) {", 1),
        ("has no equivalent", 0),
    ] {
        assert_eq!(report.matches(words).count(), count, "{words}\n{report}");
    }

    // Nobody's config is overwritten.
    let again = hookcast(folder.path(), &import);
    assert!(!again.status.success());
    assert!(
        text(&again.stderr).contains("hookcast.toml"),
        "{}",
        text(&again.stderr)
    );
}

/// A server with the endpoints of the imported config.
async fn imported() -> TestServer {
    let yaml = documentation();
    let output = hookcast(Path::new("."), &["import", &yaml.to_string_lossy()]);
    let config = text(&output.stdout);
    let (_, endpoints) = config.split_once("messages.db\"\n").expect("a storage");
    Setup::new(endpoints).start().await
}

#[tokio::test]
async fn what_is_written_does_what_the_documentation_says() {
    let server = imported().await;
    let mut client = server.subscribe("/simple").await;
    client
        .acked(json!({"_method": "POST", "body": "Hello"}))
        .await;
    assert_eq!(client.recv().await["body"], "Hello");

    let mut client = server.subscribe("/since?timestamp>~=2030").await;
    client.acked(json!({"_method": "POST"})).await;
    assert_eq!(client.recv().await["_method"], "POST");

    // Nobody is signed in, so there is no recipient.
    let mut client = server.connect("/open").await;
    assert_eq!(client.recv().await["_error"]["code"], "expression_failed");

    let mut client = server.subscribe("/defaults").await;
    let code = client.refused_with(json!({"message": "Hello"})).await;
    assert_eq!(code, "expression_failed", "there is no session");

    let mut client = server.subscribe("/alert").await;
    client
        .acked(json!({"to": "ada@example.org", "body": "Hello"}))
        .await;
    // The service that stands for one writes mails to the log.
    server.log.with(&["To: ada@example.org"]).await;
    server.log.with(&["Subject: Message: Hello"]).await;
}
