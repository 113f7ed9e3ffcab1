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
    let setup = Setup::new(CONFIG).guest_as("versioned-a", "versioned");
    let server = setup.start().await;
    let source = b"export function prepare() {}".to_vec();
    let answer = server.api_with("PUT", "/api/plugins/p", source).await;
    let (_, message) = answer.refused(422);
    for part in ["step format", "cargo xtask javascript"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
