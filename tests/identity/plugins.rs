//! What plugins are told, in each language.

use serde_json::{Value, json};

use super::{SECRET, connect, signer};
use crate::support::{Setup, TestClient, TestServer, guests, require};

/// A server with this plugin, and with tokens and sessions.
fn setup(plugin: &str) -> Setup {
    Setup::new(&format!(
        "[auth.jwt]\nsecret = {SECRET:?}\n[auth.session]\nsecret = {SECRET:?}\n\
         [endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nplugins = [{plugin:?}]\n\
         [plugins.{plugin}]\ngrants = [\"rows:read\", \"rows:write\"]\n\
         limits = {{ component = \"32 MiB\", hook = \"5s\", wall = \"10s\", init = \"10s\" }}\n"
    ))
}

async fn ann(server: &TestServer) -> TestClient {
    let claims = json!({"sub": "ann", "roles": ["editor"], "org": {"id": 7}});
    let bearer = format!("Bearer {}", signer().token(claims));
    connect(server, "/chat", &[("authorization", &bearer)]).await
}

/// Asks for user and session, as the plugin sees them, and checks both.
async fn know(server: &TestServer, ask: impl AsyncFn(&mut TestClient, &str) -> Value) {
    let mut client = ann(server).await;
    let user = ask(&mut client, "user").await;
    assert_eq!(user["id"], "ann");
    assert_eq!(user["roles"], json!(["editor"]));
    assert_eq!(user["org"], json!({"id": 7}));
    let session = ask(&mut client, "session").await;
    assert!(!session["id"].as_str().unwrap().is_empty(), "{session}");

    let mut nobody = connect(server, "/chat", &[]).await;
    assert_eq!(ask(&mut nobody, "user").await, Value::Null);
    let other = ask(&mut nobody, "session").await;
    assert_ne!(other["id"], session["id"], "another browser");
}

#[tokio::test]
async fn rust() {
    let server = setup("relay").guest("relay").start().await;
    know(&server, super::ask).await;
}

#[tokio::test]
async fn javascript() {
    let source = "export const handlers = {
            ask(call, { what }) {
                const known = { user: context.user(), session: context.session() };
                return { _type: 'ask', result: known[what] };
            },
        };";
    let server = setup("script").script("script.js", source).start().await;
    know(&server, async |client, what| {
        client.send(json!({"_type": "ask", "what": what})).await;
        let is_answer = |frame: &Value| frame["_type"] == "ask";
        client.recv_until(is_answer).await.1["result"].take()
    })
    .await;
}

#[tokio::test]
async fn python() {
    let missing = guests::missing("trouble-py");
    if !require::or_skip("python", missing) {
        return;
    }
    let server = setup("trouble-py").guest("trouble-py").start().await;
    know(&server, async |client, what| {
        let message = json!({"_type": "ask", "module": "context", "function": what});
        client.send(message).await;
        let is_answer = |frame: &Value| frame["_type"] == "ask";
        client.recv_until(is_answer).await.1["result"].take()
    })
    .await;
}
