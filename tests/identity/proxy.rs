//! What a proxy in front says.

use serde_json::{Value, json};

use super::{RELAY, ask, connect};
use crate::support::{Setup, TestServer};

/// A server that trusts this network. Tests come from 127.0.0.0/8.
async fn trusting(network: &str) -> TestServer {
    let config = format!(
        "[auth.proxy]\nnetworks = [{network:?}]\nuser_header = \"X-User\"\n\
         claims_header = \"X-Claims\"\n\
         {RELAY}[endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nplugins = [\"relay\"]\n\
         [endpoints.members]\npath = \"/members\"\ncolumns.body = \"TEXT\"\nauth.required = true\n"
    );
    Setup::new(&config).guest("relay").start().await
}

const HEADERS: &[(&str, &str)] = &[
    ("x-user", "ann"),
    ("x-claims", r#"{"role": "editor", "id": "bob"}"#),
    ("x-forwarded-for", "198.51.100.9, 203.0.113.7"),
];

async fn address(server: &TestServer) -> Value {
    let mut shown = server.api("GET", "/api/connections").await.ok();
    shown["connections"][0]["address"].take()
}

#[tokio::test]
async fn a_trusted_proxy_names_users_and_addresses() {
    let server = trusting("127.0.0.0/8").await;
    let mut client = connect(&server, "/chat", HEADERS).await;
    let user = ask(&mut client, "user").await;
    assert_eq!(user, json!({"role": "editor", "id": "ann"}));
    assert_eq!(address(&server).await, "203.0.113.7:0");
    let seen = ask(&mut client, "headers").await;
    assert_eq!((seen.get("x-user"), seen.get("x-claims")), (None, None));
    connect(&server, "/members", HEADERS).await;
    assert_eq!(
        server.refused("/members", &[]).await.0,
        401,
        "nobody is logged in"
    );
    let nonsense = [("x-user", "ann"), ("x-claims", "[]")];
    let (status, body) = server.refused("/chat", &nonsense).await;
    assert_eq!(status, 502, "{body}");
}

#[tokio::test]
async fn from_elsewhere_its_headers_count_nothing() {
    let server = trusting("10.0.0.0/8").await;
    let mut client = connect(&server, "/chat", HEADERS).await;
    assert_eq!(ask(&mut client, "user").await, Value::Null);
    let address = address(&server).await;
    assert!(address.as_str().unwrap().starts_with("127."), "{address}");
    let seen = ask(&mut client, "headers").await;
    assert_eq!(
        seen.get("x-user"),
        None,
        "nor do plugins take it for the truth"
    );
    assert_eq!(server.refused("/members", HEADERS).await.0, 401);
}
