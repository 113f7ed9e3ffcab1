//! A server that was built without its JavaScript runtime says so, and runs the rest.

use crate::support::Setup;

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
"#;

#[tokio::test]
async fn scripts_are_refused_with_what_to_run() {
    if cfg!(javascript_runtime) {
        // Nothing to see: this server has it.
        return;
    }
    let source = "export function prepare() {}";
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    let server = setup.script("unused.js", source).start().await;
    let shown = server.api("GET", "/api/plugins/unused").await.ok();
    assert_eq!(shown["failure"]["step"], "format");
    let answer = server.api_with("PUT", "/api/plugins/p", source.into());
    let (_, message) = answer.await.refused(422);
    for part in ["step format", "cargo xtask javascript"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
