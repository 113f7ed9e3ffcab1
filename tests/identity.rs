//! Who a client is: tokens, a proxy's word, sessions, and what endpoints make of it. The
//! guest `relay` says what hooks are told.

use serde_json::{Value, json};

use crate::support::tokens::{Signer, now};
use crate::support::{Setup, TestClient, TestServer};

mod expiry;
mod expressions;
mod first_frame;
mod http;
mod key_set;
mod plugins;
mod proxy;
mod secrets;
mod session;

const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [auth.jwt]
    secret = "sesame-sesame-sesame-sesame-sesame"
    audiences = ["chat"]
    cookie = "jwt"
    query = "token"
    [endpoints.open]
    path = "/open"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.room = "TEXT"
    plugins = ["relay"]
    [endpoints.members]
    path = "/members"
    columns.body = "TEXT"
    auth.required = true
    [endpoints.editors]
    path = "/editors"
    columns.topic = "TEXT"
    auth.condition = "user.role == 'editor' && !('secret' in args)"
"#;

/// What `relay` needs, in configs of other tests.
const RELAY: &str = "[plugins.relay]\ngrants = [\"rows:read\", \"rows:write\"]\n";

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

fn signer() -> Signer {
    Signer::hs256(SECRET.as_bytes())
}

/// A token that the server accepts.
fn token(user: &str, role: &str) -> String {
    signer().token(json!({"sub": user, "role": role, "aud": "chat"}))
}

async fn connect(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> TestClient {
    let connected = TestClient::connect(&server.url(path), headers).await;
    connected.unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
}

/// What a handler of `relay` answers.
async fn ask(client: &mut TestClient, message_type: &str) -> Value {
    client.send(json!({"_type": message_type})).await;
    let fits = |frame: &Value| frame["_type"] == message_type || frame.get("_error").is_some();
    let mut answer = client.recv_until(fits).await.1;
    assert!(answer.get("result").is_some(), "{answer}");
    answer["result"].take()
}

#[tokio::test]
async fn a_token_names_the_user_wherever_it_stands() {
    let server = server().await;
    let mut tokens = Vec::new();
    for (user, place) in [("ann", "header"), ("bob", "cookie"), ("carl", "query")] {
        let token = token(user, "editor");
        let bearer = format!("Bearer {token}");
        let cookie = format!("a=b; jwt={token}");
        let query = format!("/open?topic=x&token={token}");
        let (path, headers) = match place {
            "header" => ("/open?topic=x", vec![("authorization", bearer.as_str())]),
            "cookie" => ("/open?topic=x", vec![("cookie", cookie.as_str())]),
            _ => (query.as_str(), vec![]),
        };
        let mut client = connect(&server, path, &headers).await;
        let known = ask(&mut client, "user").await;
        assert_eq!(
            (&known["id"], &known["role"]),
            (&json!(user), &json!("editor"))
        );
        let args = ask(&mut client, "args").await;
        assert_eq!(args, json!({"topic": ["x"]}), "the token is no filter");
        let seen = ask(&mut client, "headers").await;
        assert!(!seen.to_string().contains(&token), "{seen}");
        client
            .acked(json!({"body": place, "topic": "x", "user": "eve"}))
            .await;
        let (_, heard) = client.recv_until(|frame| frame["body"] == place).await;
        assert_eq!(heard["user"], user);
        tokens.push(token);
    }
    let shown = server.api("GET", "/api/connections").await.text;
    let logged = server.log.lines().join("\n");
    for token in tokens {
        assert!(!shown.contains(&token), "{shown}");
        assert!(!logged.contains(&token), "{logged}");
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_before_the_upgrade_and_says_why() {
    let server = server().await;
    let foreign = Signer::hs256(b"0123456789abcdef0123456789abcdef");
    let claims = json!({"sub": "ann", "aud": "chat"});
    let expired = json!({"sub": "ann", "aud": "chat", "exp": now() - 3600});
    for (token, why) in [
        (signer().token(expired), "expired"),
        (
            signer().token(json!({"sub": "ann", "aud": "bank"})),
            "another service",
        ),
        (foreign.token(claims), "no key known here"),
        ("sesame".into(), "no JSON Web Token"),
    ] {
        for path in ["/open", "/members"] {
            let bearer = format!("Bearer {token}");
            let (status, body) = server.refused(path, &[("authorization", &bearer)]).await;
            assert_eq!(
                (status, &body["code"]),
                (401, &json!("unauthorized")),
                "{body}"
            );
            let detail = body["detail"].as_str().unwrap();
            assert!(detail.contains(why) && !detail.contains(&token), "{detail}");
            let query = format!("{path}?token={token}");
            assert_eq!(server.refused(&query, &[]).await.0, 401);
        }
        // A cookie comes along by itself: its bearer is anonymous, where anybody may be.
        let cookie = format!("jwt={token}");
        let mut client = connect(&server, "/open", &[("cookie", &cookie)]).await;
        assert_eq!(ask(&mut client, "user").await, Value::Null);
        let (status, body) = server.refused("/members", &[("cookie", &cookie)]).await;
        assert_eq!(status, 401, "{body}");
    }
    // Not for us.
    connect(&server, "/open", &[("authorization", "Basic YTpi")]).await;
}

#[tokio::test]
async fn an_endpoint_for_some_says_who_may_not_before_the_upgrade() {
    let server = server().await;
    let (status, body) = server.refused("/members", &[]).await;
    assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("Authorization: Bearer"),
        "{body}"
    );
    let ann = format!("Bearer {}", token("ann", "reader"));
    let bob = format!("Bearer {}", token("bob", "editor"));
    connect(&server, "/members", &[("authorization", &ann)]).await;

    assert_eq!(server.refused("/editors", &[]).await.0, 401, "a user might");
    let (status, body) = server.refused("/editors", &[("authorization", &ann)]).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    let mut editor = connect(&server, "/editors", &[("authorization", &bob)]).await;
    let (status, _) = server
        .refused("/editors?secret=1", &[("authorization", &bob)])
        .await;
    assert_eq!(status, 403, "the condition sees args");
    let denied = async |code| {
        server
            .metric("hookcast_denied_total", &["editors", code])
            .await
    };
    assert_eq!(
        (denied("unauthorized").await, denied("forbidden").await),
        (1.0, 2.0)
    );
    editor.is_alive().await;
    assert_eq!(server.endpoint("editors").await["connections"], 1);

    let upgrade = session::handshake(&server, "/members", "").await;
    assert!(upgrade.starts_with("HTTP/1.1 401 "), "{upgrade}");
    assert!(
        upgrade.contains("www-authenticate: Bearer realm="),
        "{upgrade}"
    );
}

/// Identity first; the hook sees it, and may say something else.
#[tokio::test]
async fn a_connect_hook_has_the_last_word() {
    let server = server().await;
    let ann = format!("Bearer {}", token("ann", "reader"));
    let headers = [("authorization", ann.as_str())];
    let mut client = connect(&server, "/open?_x=1", &headers).await;
    assert_eq!(ask(&mut client, "user").await["id"], "ann");
    let (status, _) = server.refused("/open?refuse=451", &headers).await;
    assert_eq!(status, 451);
    // `relay` names whoever asks for it.
    let mut client = connect(&server, "/open?user=carl", &headers).await;
    assert_eq!(ask(&mut client, "user").await["id"], "carl");
}

#[tokio::test]
async fn keys_stand_in_files() {
    let (rs, es, ed) = (Signer::rs256(), Signer::es256(), Signer::eddsa());
    let config = "[auth.jwt]\nkey_files = [\"rs.pem\", \"es.pem\"]\njwks_file = \"set.json\"\n\
                  [endpoints.chat]\npath = \"/chat\"\nauth.required = true\n";
    let mut server = Setup::new(config).prepare();
    let set = json!({"keys": [ed.jwk("ed")]}).to_string();
    for (file, text) in [
        ("rs.pem", &rs.public_pem),
        ("es.pem", &es.public_pem),
        ("set.json", &set),
    ] {
        std::fs::write(server.folder().join(file), text).unwrap();
    }
    server.start().await;
    for signer in [rs, es, ed] {
        let bearer = format!("Bearer {}", signer.token(json!({"sub": "ann"})));
        connect(&server, "/chat", &[("authorization", &bearer)]).await;
    }
}

#[tokio::test]
async fn a_reload_changes_keys_and_doors() {
    let server = server().await;
    let ann = format!("Bearer {}", token("ann", "reader"));
    let mut stays = connect(&server, "/members", &[("authorization", &ann)]).await;
    let other = "0123456789abcdef0123456789abcdef";
    server.write_config(&CONFIG.replace(SECRET, other));
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(
        server
            .refused("/members", &[("authorization", &ann)])
            .await
            .0,
        401
    );
    let claims = json!({"sub": "ann", "aud": "chat"});
    let new = format!("Bearer {}", Signer::hs256(other.as_bytes()).token(claims));
    connect(&server, "/members", &[("authorization", &new)]).await;
    stays.is_alive().await;

    // What can't be read is not applied.
    let missing = "cookie = \"jwt\"\nkey_files = [\"no-such.pem\"]";
    server.write_config(&CONFIG.replace("cookie = \"jwt\"", missing));
    let answer = server.api("POST", "/api/reload").await;
    assert_ne!(answer.status, 200);
    assert!(answer.text.contains("no-such.pem"), "{}", answer.text);
    connect(&server, "/members", &[("authorization", &new)]).await;
}

#[tokio::test]
async fn a_foreign_host_is_refused_whatever_it_asks_for() {
    let server = server().await;
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    let (status, body) = server.refused("/open", &rebound).await;
    assert_eq!((status, &body["code"]), (403, &json!("host_refused")));
    let url = format!("http://{}/open", server.address);
    let answer = crate::support::admin::request("GET", &url, &[("host", "evil.example")], vec![]);
    assert_eq!(answer.await.status, 403);

    let listed = Setup::new(CONFIG)
        .guest("relay")
        .server_keys("hosts = [\"chat.example\"]");
    let listed = listed.start().await;
    connect(&listed, "/open", &[("host", "chat.example")]).await;
    assert_eq!(
        listed.refused("/open", &[]).await.0,
        403,
        "its address is no name"
    );
}
