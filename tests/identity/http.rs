//! Plain HTTP requests are let in by the same gate.

use serde_json::{Value, json};

use super::{expiry, server, session, token};
use crate::support::{EventStream, Setup, TestServer};

const JSON: &str = "application/json";

/// A request of each kind: method, `Accept`, body.
const KINDS: [(&str, &str, &str); 5] = [
    ("GET", JSON, ""),
    ("GET", "text/event-stream", ""),
    ("POST", JSON, r#"{"body": "hello"}"#),
    ("PUT", JSON, r#"{"id": "x", "body": "hello"}"#),
    ("DELETE", JSON, r#"{"id": "x"}"#),
];

/// The problem that a request gets: its status and code.
async fn refused(
    server: &TestServer,
    path: &str,
    kind: (&str, &str, &str),
    headers: &[(&str, &str)],
) -> (u16, String) {
    let (method, accept, body) = kind;
    let headers = [&[("accept", accept)], headers].concat();
    let answer = server
        .http_with(method, path, &headers, body.to_owned())
        .await;
    let code = answer.problem(answer.status);
    (answer.status, code.to_owned())
}

#[tokio::test]
async fn requests_are_refused_as_handshakes_are() {
    let server = server().await;
    let ann = format!("Bearer {}", token("ann", "reader"));
    for kind in KINDS {
        let unauthorized = (401, "unauthorized".to_owned());
        let none = refused(&server, "/members", kind, &[]).await;
        assert_eq!(none, unauthorized, "{kind:?}");
        let bad = [("authorization", "Bearer sesame")];
        assert_eq!(
            refused(&server, "/open", kind, &bad).await,
            unauthorized,
            "{kind:?}"
        );
        let ann = [("authorization", ann.as_str())];
        let forbidden = (403, "forbidden".to_owned());
        assert_eq!(
            refused(&server, "/editors", kind, &ann).await,
            forbidden,
            "{kind:?}"
        );
        let elsewhere = [("host", "evil.example")];
        let host = refused(&server, "/open", kind, &elsewhere).await;
        assert_eq!(host, (403, "host_refused".into()), "{kind:?}");
        let page = [("origin", "https://evil.example")];
        let origin = refused(&server, "/open", kind, &page).await;
        assert_eq!(origin, (403, "origin_refused".into()), "{kind:?}");
    }
    let rows: i64 = crate::support::database::value(
        &server.database(),
        "SELECT (SELECT count(*) FROM \"open\") + (SELECT count(*) FROM members)",
    );
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_token_names_the_user_of_a_request() {
    let server = server().await;
    let token = token("ann", "editor");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/members?token={token}");
    let mut stream = EventStream::open(&server.address, &path, &[]).await;

    let body = json!({"body": "hello", "user": "bob"}).to_string();
    let posted = server.http_with("POST", "/members", &headers, body).await;
    assert_eq!(posted.status, 201, "{}", posted.text);
    let heard = stream.recv().await;
    assert_eq!(
        (&heard["body"], &heard["user"]),
        (&json!("hello"), &json!("ann"))
    );
    let cookie = format!("jwt={token}");
    let headers = [("cookie", cookie.as_str())];
    let read = server
        .http_with("GET", "/members", &headers, String::new())
        .await;
    assert_eq!(read.body["messages"][0]["user"], "ann", "{}", read.text);
    // The token is no condition of what is deleted.
    let path = format!(
        "/members?token={token}&id={}",
        heard["id"].as_str().unwrap()
    );
    assert_eq!(server.http("DELETE", &path).await.status, 200);
}

/// Whoever sends a token means nobody to read it.
#[tokio::test]
async fn a_first_frame_is_no_message_of_a_request() {
    let server = server().await;
    let mut watching = server.subscribe("/open").await;
    let token = token("ann", "editor");
    let message = json!({"_auth": {"token": token}});
    let answer = server.publish("POST", "/open", message).await;
    assert_eq!(answer.problem(400), "bad_key");
    assert!(!answer.text.contains(&token), "{}", answer.text);
    server
        .publish("POST", "/open", json!({"body": "after"}))
        .await;
    let before = watching.recv_before("after").await;
    assert!(
        before.iter().all(|frame| frame.get("_auth").is_none()),
        "{before:?}"
    );
}

#[tokio::test]
async fn a_request_gets_a_session_and_keeps_it() {
    let server = session::server().await;
    let get = async |headers: &[(&str, &str)]| {
        let answer = server
            .http_with("GET", "/chat", headers, String::new())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    };
    let new = get(&[]).await;
    let pair = new.header("set-cookie").split(';').next().unwrap();
    let again = get(&[("cookie", pair)]).await;
    assert_eq!(again.headers.get("set-cookie"), None, "it has one");
    let socket = session::handshake(&server, "/chat", &format!("cookie: {pair}\r\n")).await;
    assert_eq!(session::set_cookie(&socket), None, "it counts everywhere");
}

#[tokio::test]
async fn what_waits_ends_with_its_token() {
    let server = expiry::server(true).await;
    let bearer = format!("Bearer {}", expiry::token(5));
    let headers = [("authorization", bearer.as_str())];
    let mut stream = EventStream::open(&server.address, "/chat", &headers).await;
    let poll = server.http_with("GET", "/chat?_wait=50s", &headers, String::new());
    let longer = server.http("GET", "/chat?_wait=50s");
    let polled = tokio::select! {
        biased;
        _ = longer => panic!("who has no token may wait longer"),
        polled = poll => polled,
    };
    assert_eq!(polled.messages().0, Vec::<Value>::new());

    let error = stream.recv().await["_error"].take();
    assert_eq!(error["code"], "unauthorized", "{error}");
    let close = stream.next().await.expect("the end's event");
    assert_eq!(
        (close.kind.as_str(), &close.data["code"]),
        ("close", &json!(4401))
    );
    assert!(stream.next().await.is_none());
}

/// Pages of trusted origins learn why they are refused.
#[tokio::test]
async fn a_page_can_read_why_it_is_refused() {
    let setup = Setup::new(super::CONFIG).guest("relay");
    let setup = setup.server_keys("origins = [\"https://app.example\"]");
    let server = setup.start().await;
    let headers = [("origin", "https://app.example")];
    let answer = server.http_with("GET", "/members", &headers, String::new());
    let answer = answer.await;
    assert_eq!(answer.problem(401), "unauthorized");
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(allowed, "https://app.example");
    assert!(answer.header("www-authenticate").starts_with("Bearer "));
}
