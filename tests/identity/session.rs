//! The session cookie.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ask, connect};
use crate::support::{Setup, TestServer, within};

/// A handshake with these lines in it; the head of the answer.
pub async fn handshake(server: &TestServer, path: &str, lines: &str) -> String {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    within("the answer's head", async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
    })
    .await;
    String::from_utf8(head).unwrap()
}

/// The value of `set-cookie`.
pub fn set_cookie(head: &str) -> Option<&str> {
    head.lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
}

pub async fn server() -> TestServer {
    let config = r#"
        [auth.session]
        secret = "sesame-sesame-sesame-sesame-sesame"
        cookie = "sid"
        secure = true
        same_site = "strict"
        [plugins.relay]
        grants = ["rows:read", "rows:write"]
        [endpoints.chat]
        path = "/chat"
        columns.body = "TEXT"
        plugins = ["relay"]
        [endpoints.returning]
        path = "/returning"
        columns.body = "TEXT"
        auth.condition = "session.id == args.sid[0]"
    "#;
    Setup::new(config).guest("relay").start().await
}

#[tokio::test]
async fn a_browser_gets_a_session_and_keeps_it() {
    let server = server().await;
    let head = handshake(&server, "/chat", "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let cookie = set_cookie(&head).expect("a cookie");
    for word in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let again = handshake(&server, "/chat", &format!("cookie: {pair}\r\n")).await;
    assert_eq!(set_cookie(&again), None, "it has one");

    // Two tabs of one browser, and another browser.
    let mut ids = Vec::new();
    for headers in [&[("cookie", pair)][..], &[("cookie", pair)], &[]] {
        let mut client = connect(&server, "/chat", headers).await;
        ids.push(ask(&mut client, "session").await["id"].take());
        let seen = ask(&mut client, "headers").await;
        assert_eq!(seen.get("cookie"), None, "{seen}");
    }
    assert!(
        ids[0].is_string() && ids[0] == ids[1] && ids[0] != ids[2],
        "{ids:?}"
    );
    assert!(pair.contains(ids[0].as_str().unwrap()));
}

#[tokio::test]
async fn a_session_that_nobody_signed_is_none() {
    let server = server().await;
    let head = handshake(&server, "/chat", "").await;
    let pair = set_cookie(&head).unwrap().split(';').next().unwrap();
    let (value, mac) = pair.rsplit_once('.').unwrap();
    let longer = format!("{}9.{mac}", value);
    for forged in [
        "sid=admin.99999999999.AAAA",
        "sid=",
        "sid=..",
        longer.as_str(),
    ] {
        let head = handshake(&server, "/chat", &format!("cookie: {forged}\r\n")).await;
        assert!(
            set_cookie(&head).is_some(),
            "{forged}: a new one replaces it"
        );
        let mut client = connect(&server, "/chat", &[("cookie", forged)]).await;
        let session = ask(&mut client, "session").await;
        assert_ne!(session["id"], json!("admin"));
        assert_ne!(session["id"], Value::Null);
    }
}

#[tokio::test]
async fn conditions_see_the_session() {
    let server = server().await;
    let head = handshake(&server, "/chat", "").await;
    let pair = set_cookie(&head)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let id = pair["sid=".len()..].split('.').next().unwrap();
    let cookie = format!("cookie: {pair}\r\n");
    // Whether the address's `sid` is a filter is for the table to say; the gate comes first.
    let fits = handshake(&server, &format!("/returning?sid={id}"), &cookie).await;
    assert!(fits.starts_with("HTTP/1.1 101 "), "{fits}");
    let other = handshake(&server, "/returning?sid=x", &cookie).await;
    assert!(other.starts_with("HTTP/1.1 401 "), "{other}");
}
