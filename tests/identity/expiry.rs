//! Connections whose token expires.

use serde_json::json;

use super::{RELAY, ask, connect, signer};
use crate::support::tokens::now;
use crate::support::{Setup, TestClient, TestServer, eventually};

pub async fn server(close_expired: bool) -> TestServer {
    let config = format!(
        "[auth.jwt]\nsecret = \"{}\"\nleeway = \"0s\"\nclose_expired = {close_expired}\n\
         {RELAY}[endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nplugins = [\"relay\"]\n",
        super::SECRET
    );
    Setup::new(&config).guest("relay").start().await
}

/// A token with this many seconds left, or up to one less.
pub fn token(seconds: u64) -> String {
    signer().token(json!({"sub": "ann", "exp": now() + seconds}))
}

async fn lasting(server: &TestServer, path: &str) -> TestClient {
    let bearer = format!("Bearer {}", token(3600));
    connect(server, path, &[("authorization", &bearer)]).await
}

/// A connection with a token that is about to expire. On a busy machine it may do so before
/// it is looked at: then with another.
async fn short_lived(server: &TestServer, path: &str) -> (TestClient, String) {
    eventually("a token to be taken", async || {
        let bearer = format!("Bearer {}", token(2));
        let headers = [("authorization", bearer.as_str())];
        let client = TestClient::connect(&server.url(path), &headers).await;
        Some((client.ok()?, bearer))
    })
    .await
}

/// Waits for the end of a connection whose token expires.
async fn expires(mut client: TestClient) {
    let is_error = |frame: &serde_json::Value| frame.get("_error").is_some();
    let error = client.recv_until(is_error).await.1["_error"].take();
    assert_eq!(error["code"], "unauthorized", "{error}");
    let text = error["message"].as_str().unwrap();
    assert!(text.contains("expired"), "{error}");
    assert_eq!(client.closed().await.0, 4401);
}

#[tokio::test]
async fn a_connection_ends_with_its_token_and_comes_back_with_a_new_one() {
    let server = server(true).await;
    let mut long = lasting(&server, "/chat?_after=").await;
    let (_, position) = long.history().await;
    expires(short_lived(&server, "/chat").await.0).await;
    long.acked(json!({"body": "missed"})).await;

    let mut back = lasting(&server, &format!("/chat?_after={position}")).await;
    back.recv_before("missed").await;
    long.is_alive().await;
    // Whom the hook has named in place of the token's user is gone with it, too.
    expires(short_lived(&server, "/chat?user=bob").await.0).await;
}

#[tokio::test]
async fn a_token_of_the_first_frame_ends_the_connection_too() {
    let server = server(true).await;
    let mut anonymous = connect(&server, "/chat", &[]).await;
    let client = eventually("a token to be taken", async || {
        let mut client = connect(&server, "/chat", &[]).await;
        client.send(json!({"_auth": {"token": token(2)}})).await;
        let is_known = client.recv().await["_ack"]["_auth"]["user"] == "ann";
        is_known.then_some(client)
    });
    expires(client.await).await;
    anonymous.is_alive().await;
}

#[tokio::test]
async fn where_the_operator_says_so_connections_outlive_their_tokens() {
    let server = server(false).await;
    let (mut client, bearer) = short_lived(&server, "/chat").await;
    eventually("the token to expire", async || {
        let headers = [("authorization", bearer.as_str())];
        let again = TestClient::connect(&server.url("/chat"), &headers).await;
        again.is_err().then_some(())
    })
    .await;
    assert_eq!(ask(&mut client, "user").await["id"], "ann");
}

/// No end is too far off to be waited for.
#[tokio::test]
async fn a_token_may_be_good_for_ever() {
    let server = server(true).await;
    for exp in [json!(u64::MAX), json!(1e18), json!(99_999_999_999_u64)] {
        let bearer = signer().token(json!({"sub": "ann", "exp": exp}));
        let bearer = format!("Bearer {bearer}");
        let mut client = connect(&server, "/chat", &[("authorization", &bearer)]).await;
        client.is_alive().await;
    }
}
