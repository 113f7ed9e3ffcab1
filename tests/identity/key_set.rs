//! Keys that somebody else exchanges: a key set behind a URL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{SECRET, connect};
use crate::support::http::{Behaviour, HttpServer};
use crate::support::tokens::Signer;
use crate::support::{Setup, TestServer, eventually};

/// A small server with a key set, or without: then it breaks every connection.
struct KeyServer {
    port: u16,
    set: Arc<Mutex<Option<Value>>>,
    requests: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(set: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let set = Arc::new(Mutex::new(set));
        let requests = Arc::new(AtomicUsize::new(0));
        let (served, counted) = (set.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let Some(set) = served.lock().unwrap().clone() else {
                    continue;
                };
                let body = set.to_string();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self {
            port,
            set,
            requests,
        }
    }

    /// What it says from now on.
    fn says(&self, set: Option<Value>) {
        *self.set.lock().unwrap() = set;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// A server that goes by it; what is not said here has no influence within a test.
    async fn followed(&self, refresh: &str, pause: &str) -> TestServer {
        let config = format!(
            "[auth.jwt]\njwks_url = \"http://127.0.0.1:{}/keys?secret=sesame\"\n\
             jwks_refresh = \"{refresh}\"\njwks_pause = \"{pause}\"\n\
             [endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nauth.required = true\n",
            self.port
        );
        let server = Setup::new(&config).start().await;
        eventually("the first reading", async || {
            (self.requests() > 0).then_some(())
        })
        .await;
        server
    }
}

fn set(keys: &[(&str, &Signer)]) -> Option<Value> {
    let keys: Vec<_> = keys.iter().map(|(id, signer)| signer.jwk(id)).collect();
    Some(json!({ "keys": keys }))
}

fn bearer(id: &str, signer: &Signer) -> String {
    format!("Bearer {}", signer.token_by(id, json!({"sub": "ann"})))
}

async fn status(server: &TestServer, bearer: &str) -> u16 {
    let headers = [("authorization", bearer)];
    match crate::support::TestClient::connect(&server.url("/chat"), &headers).await {
        Ok(_) => 101,
        Err((status, _)) => status,
    }
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_is_gone_is_not() {
    let (first, second) = (Signer::es256(), Signer::rs256());
    let keys = KeyServer::start(set(&[("1", &first)])).await;
    // Only a key that nobody knows has the set read again.
    let server = keys.followed("1d", "1s").await;
    connect(&server, "/chat", &[("authorization", &bearer("1", &first))]).await;
    let read = keys.requests();
    connect(&server, "/chat", &[("authorization", &bearer("1", &first))]).await;
    assert_eq!(keys.requests(), read, "a known key needs no look");

    keys.says(set(&[("2", &second)]));
    eventually("the new key to be found", async || {
        (status(&server, &bearer("2", &second)).await == 101).then_some(())
    })
    .await;
    assert_eq!(
        status(&server, &bearer("1", &first)).await,
        401,
        "the old key is gone"
    );
}

#[tokio::test]
async fn the_set_is_read_again_by_itself() {
    let (first, second) = (Signer::eddsa(), Signer::eddsa());
    let keys = KeyServer::start(set(&[("1", &first)])).await;
    let server = keys.followed("1s", "1h").await;
    connect(&server, "/chat", &[("authorization", &bearer("1", &first))]).await;
    keys.says(set(&[("1", &first), ("2", &second)]));
    eventually("the next reading", async || {
        (status(&server, &bearer("2", &second)).await == 101).then_some(())
    })
    .await;
}

#[tokio::test]
async fn keys_stay_while_the_url_is_down() {
    let (known, new) = (Signer::es256(), Signer::es256());
    let keys = KeyServer::start(set(&[("1", &known)])).await;
    let server = keys.followed("1s", "1s").await;
    connect(&server, "/chat", &[("authorization", &bearer("1", &known))]).await;
    for nonsense in [None, Some(json!("<html>")), Some(json!({"keys": []}))] {
        keys.says(nonsense);
        let read = keys.requests();
        eventually("two more readings", async || {
            (keys.requests() > read + 1).then_some(())
        })
        .await;
        assert_eq!(status(&server, &bearer("1", &known)).await, 101);
        assert_eq!(status(&server, &bearer("2", &new)).await, 401);
    }
    let line = server
        .log
        .with(&["jwks_url", "keys that are known stay"])
        .await;
    assert!(!line.contains("sesame"), "{line}");
    keys.says(set(&[("2", &new)]));
    server.log.with(&["jwks_url", "can be read again"]).await;
    assert_eq!(status(&server, &bearer("2", &new)).await, 101);
}

#[tokio::test]
async fn without_any_keys_nobody_is_turned_away_for_good() {
    let signer = Signer::es256();
    let keys = KeyServer::start(None).await;
    let server = keys.followed("1s", "1s").await;
    assert_eq!(status(&server, &bearer("1", &signer)).await, 503);
    assert_eq!(server.refused("/chat", &[]).await.0, 401, "without a token");
    keys.says(set(&[("1", &signer)]));
    eventually("the keys", async || {
        (status(&server, &bearer("1", &signer)).await == 101).then_some(())
    })
    .await;
}

/// Only those wait who need the keys.
#[tokio::test]
async fn a_slow_key_server_holds_up_nobody_else() {
    let slow = HttpServer::start(Behaviour::Stalls("HTTP/1.1 200 OK\r\n".into())).await;
    let config = format!(
        "[auth.jwt]\nsecret = {SECRET:?}\njwks_url = \"{}\"\njwks_pause = \"1h\"\n\
         [endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nauth.required = true\n",
        slow.url()
    );
    let server = Setup::new(&config).start().await;
    eventually("the first reading", async || {
        (slow.requests() > 0).then_some(())
    })
    .await;
    let (secret, unknown) = (Signer::hs256(SECRET.as_bytes()), Signer::es256());
    let unknown = bearer("1", &unknown);
    let waits = status(&server, &unknown);
    let others = async {
        assert_eq!(server.refused("/chat", &[]).await.0, 401);
        assert_eq!(status(&server, &bearer("2", &secret)).await, 101);
    };
    let in_order = async {
        tokio::select! {
            biased;
            () = others => {}
            status = waits => panic!("{status}, though the keys are still being read"),
        }
    };
    in_order.await;
    // In the end, it is given up.
    assert_eq!(status(&server, &unknown).await, 503);
    server
        .log
        .with(&["jwks_url", "did not answer within"])
        .await;
    assert_eq!(slow.requests(), 1, "nobody has it read again so soon");
}

#[tokio::test]
async fn made_up_keys_do_not_make_the_server_a_nuisance() {
    let signer = Signer::es256();
    let keys = KeyServer::start(set(&[("1", &signer)])).await;
    let server = keys.followed("1d", "1h").await;
    connect(
        &server,
        "/chat",
        &[("authorization", &bearer("1", &signer))],
    )
    .await;
    let stranger = Signer::es256();
    for number in 0..20 {
        let made_up = bearer(&format!("x{number}"), &stranger);
        assert_eq!(status(&server, &made_up).await, 401);
    }
    assert_eq!(keys.requests(), 1, "the one at start");
}
