//! What expressions of the config know of users and sessions.

use serde_json::{Value, json};

use super::{connect, session, signer};
use crate::support::{Setup, TestClient, TestServer};

const CONFIG: &str = r#"
    [auth.jwt]
    secret = "sesame-sesame-sesame-sesame-sesame"
    [auth.session]
    secret = "another sesame of thirty-two bytes"
    [mail.desk]
    url = "log:"
    from = "desk@example.org"
    [endpoints.team]
    path = "/team"
    columns.body = "TEXT"
    columns.team = "TEXT"
    columns.session = "TEXT"
    open = { team = "[user.org.team]" }
    message_default.POST = { team = "user.org.team", role = "user.role", session = "session.id" }
    methods = { POST = "'write' in user.scopes", DELETE = "row.session == session.id" }
    [endpoints.team.alert]
    to = "desk@example.org"
    subject = "{{ body }} by a {{ sender.role }} in {{ session.id }}"
    condition = "user.role == 'lead' && msg.session == session.id"
"#;

/// A connection of a user of this team and role, who may write if `scopes` say so.
async fn of(
    server: &TestServer,
    (user, team, role): (&str, &str, &str),
    scopes: &[&str],
    cookie: &str,
) -> TestClient {
    let claims = json!({"sub": user, "org": {"team": team}, "role": role, "scopes": scopes});
    let bearer = format!("Bearer {}", signer().token(claims));
    let headers = [("authorization", bearer.as_str()), ("cookie", cookie)];
    connect(server, "/team", &headers).await
}

/// A new session's cookie and id.
async fn session(server: &TestServer) -> (String, String) {
    let head = session::handshake(server, "/team", "").await;
    let cookie = session::set_cookie(&head).expect("a cookie");
    let pair = cookie.split(';').next().unwrap().to_owned();
    let value = pair.split_once('=').unwrap().1;
    let id = value.split('.').next().unwrap().to_owned();
    (pair, id)
}

#[tokio::test]
async fn claims_and_sessions_decide_what_is_shown_filled_in_and_allowed() {
    let server = Setup::new(CONFIG).start().await;
    let (one, one_id) = session(&server).await;
    let (other, _) = session(&server).await;
    let mut ann = of(&server, ("ann", "red", "lead"), &["write"], &one).await;
    let mut bob = of(&server, ("bob", "blue", "clerk"), &["write"], &other).await;
    let mut eve = of(&server, ("eve", "red", "clerk"), &[], &other).await;

    let forged = json!({"body": "hello", "team": "blue", "role": "x", "session": "y"});
    ann.acked(forged).await;
    bob.acked(json!({"body": "quiet"})).await;
    let seen = ann.recv().await;
    let known = ["team", "role", "session", "user"].map(|key| seen[key].clone());
    assert_eq!(known, ["red", "lead", &one_id, "ann"].map(Value::from));
    assert_eq!(eve.recv().await["body"], "hello");
    assert_eq!(
        bob.recv().await["body"],
        "quiet",
        "and nothing of the others"
    );

    assert_eq!(eve.refused_with(json!({"body": "me"})).await, "forbidden");
    let delete = json!({"_method": "DELETE", "id": seen["id"]});
    assert_eq!(eve.refused_with(delete.clone()).await, "forbidden");
    // Another browser of the same user.
    let mut elsewhere = of(&server, ("ann", "red", "lead"), &["write"], &other).await;
    assert_eq!(elsewhere.refused_with(delete.clone()).await, "forbidden");
    ann.acked(delete).await;

    let subject = format!("Subject: hello by a lead in {one_id}");
    server.log.with(&[&subject]).await;
    let logged = server.log.lines().join("\n");
    assert!(!logged.contains("Subject: quiet"), "{logged}");
}

/// No user, no claims: what depends on them is not opened.
#[tokio::test]
async fn what_asks_for_a_user_is_closed_to_nobody() {
    let server = Setup::new(CONFIG).start().await;
    let mut client = connect(&server, "/team", &[]).await;
    assert_eq!(client.recv().await["_error"]["code"], "expression_failed");
    assert_eq!(client.closed().await.0, 4403);
}
