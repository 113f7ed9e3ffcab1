//! Messages sent by `POST`, `PUT` and `DELETE`: the same way, the same hooks, the same
//! errors.

use serde_json::{Value, json};

use crate::support::admin::try_request;
use crate::support::{Setup, TestClient, TestServer, database, eventually};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    columns.slug = "TEXT"
    message_limit = "1 KiB"
    [endpoints.told]
    path = "/told/{room}"
    columns.body = "TEXT"
    plugins = ["relay"]
    [endpoints.clean]
    path = "/clean"
    columns.body = "TEXT"
    columns.name = "TEXT"
    plugins = ["chat"]
"#;

async fn server() -> TestServer {
    let setup = Setup::new(CONFIG).guest("relay").guest("chat");
    setup.start().await
}

#[tokio::test]
async fn subscribers_see_what_is_posted_and_the_answer_has_its_position() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    let answer = server
        .publish("POST", "/chat", json!({"body": "Hello", "n": 1}))
        .await;
    assert_eq!(answer.content_type, "application/json");
    let posted = reader.recv().await;
    assert_eq!(
        (&posted["_method"], &posted["body"]),
        (&json!("POST"), &json!("Hello"))
    );
    assert_eq!(posted["_position"], answer.position(201));

    let id = posted["id"].clone();
    let put = json!({"id": id, "body": "Hello again"});
    let answer = server.publish("PUT", "/chat", put).await;
    let changed = reader.recv().await;
    assert_eq!(
        (&changed["_method"], &changed["body"]),
        (&json!("PUT"), &json!("Hello again"))
    );
    assert_eq!(changed["_position"], answer.position(200));

    let answer = server.publish("DELETE", "/chat", json!({"id": id})).await;
    let gone = reader.recv().await;
    assert_eq!((&gone["_method"], &gone["id"]), (&json!("DELETE"), &id));
    assert_eq!(gone["_position"], answer.position(200));
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_delete_without_a_body_takes_its_message_from_the_query() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    server
        .publish("POST", "/chat", json!({"body": "one"}))
        .await;
    let id = reader.recv().await["id"].as_str().unwrap().to_owned();
    let answer = server.http("DELETE", &format!("/chat?id={id}")).await;
    answer.position(200);
    let gone = reader.recv().await;
    assert_eq!(
        (&gone["_method"], &gone["id"]),
        (&json!("DELETE"), &json!(id))
    );
}

#[tokio::test]
async fn what_is_refused_is_a_problem_with_its_status() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    let long = json!({"body": "x".repeat(1_024)}).to_string();
    for (method, body, status, code) in [
        ("POST", "{", 400, "bad_json"),
        ("POST", "", 400, "bad_json"),
        ("POST", "[1]", 400, "not_an_object"),
        ("POST", r#"{"n": "many"}"#, 400, "bad_value"),
        (
            "POST",
            r#"{"_method": "PUT", "id": "x"}"#,
            400,
            "unknown_method",
        ),
        ("POST", r#"{"_msg_id": {}}"#, 400, "bad_key"),
        ("PUT", r#"{"body": "whose?"}"#, 400, "missing_id"),
        ("PUT", r#"{"id": "nobody"}"#, 404, "not_found"),
        ("DELETE", r#"{"id": "nobody"}"#, 404, "not_found"),
        ("DELETE", "", 400, "missing_id"),
        ("POST", &long, 413, "too_large"),
        ("PATCH", "{}", 405, "unknown_method"),
    ] {
        let answer = server
            .http_with(method, "/chat", &[], body.to_owned())
            .await;
        assert_eq!(
            answer.problem(status),
            code,
            "{method} {body}: {}",
            answer.text
        );
        assert_eq!(answer.body["type"], "about:blank");
    }
    let named = server
        .publish("PUT", "/chat", json!({"id": "nobody", "_msg_id": "m1"}))
        .await;
    assert_eq!(named.body["_msg_id"], "m1", "{}", named.text);
    let too_large = server
        .http_with("POST", "/chat", &[], "x".repeat(200_000))
        .await;
    assert_eq!(too_large.problem(413), "too_large");
    assert_eq!(
        too_large.body["details"],
        json!({"size": 200_000, "limit": 1_024})
    );
    let address = server
        .http("DELETE", &format!("/chat?body={}", "x".repeat(1_024)))
        .await;
    assert_eq!(address.problem(413), "too_large", "an address is a message");
    let other = server.http("PATCH", "/chat").await;
    assert_eq!(other.header("allow"), "GET, POST, PUT, DELETE, OPTIONS");
    server
        .publish("POST", "/chat", json!({"body": "last"}))
        .await
        .position(201);
    assert_eq!(
        reader.recv().await["body"],
        "last",
        "nobody has heard of the others"
    );
}

#[tokio::test]
async fn a_constraint_of_the_database_is_a_conflict() {
    let server = server().await;
    server
        .database()
        .execute_batch("CREATE UNIQUE INDEX slugs ON chat (slug)")
        .unwrap();
    server
        .publish("POST", "/chat", json!({"slug": "a"}))
        .await
        .position(201);
    let answer = server.publish("POST", "/chat", json!({"slug": "a"})).await;
    assert_eq!(answer.problem(409), "constraint");
}

#[tokio::test]
async fn a_plugin_s_rejection_reaches_the_sender_verbatim() {
    let server = server().await;
    let answer = server
        .publish("POST", "/clean", json!({"body": "  "}))
        .await;
    assert_eq!(answer.problem(422), "empty_body");
    assert_eq!(
        answer.body["detail"],
        "Write something first: `body` has no text."
    );
    // And what it changes is what is stored.
    server
        .publish("POST", "/clean", json!({"body": " Hi "}))
        .await
        .position(201);
    let body: String = database::value(&server.database(), "SELECT body FROM clean");
    assert_eq!(body, "Hi");
}

#[tokio::test]
async fn what_plugins_send_to_the_sender_is_in_the_answer() {
    let server = server().await;
    let mut listener = server.connect("/told/1?user=other").await;
    let asked = json!({"_type": "reply", "message": {"private": true}});
    let answer = server.publish("POST", "/told/2?user=ann", asked).await;
    answer.position(200);
    let replies = answer.body["_replies"].as_array().unwrap();
    assert_eq!(replies[0], json!({"_type": "reply", "result": null}));
    assert_eq!(replies[1], json!({"private": true}));
    assert_eq!(replies.len(), 2, "{}", answer.text);

    // The context of the request is what hooks see.
    let path = "/told/7?user=ann&colour=blue";
    for (asked, result) in [
        ("args", json!({"user": ["ann"], "colour": ["blue"]})),
        ("path", json!({"room": "7"})),
        ("user", json!({"id": "ann", "name": "User ann"})),
    ] {
        let answer = server.publish("POST", path, json!({"_type": asked})).await;
        let replies = answer.body["_replies"].as_array().unwrap();
        assert_eq!(replies.last().unwrap()["result"], result, "{}", answer.text);
    }
    let refused = server
        .publish("POST", path, json!({"_type": "to_user"}))
        .await;
    assert_eq!(refused.problem(422), "invalid_message", "{}", refused.text);
    let unknown = server
        .publish("POST", path, json!({"_type": "nothing"}))
        .await;
    assert_eq!(unknown.problem(400), "unknown_type");

    // Every request was a connection, and `close` has heard of its end.
    let left = listener.recv().await;
    assert_eq!(left["code"], 1000, "{left}");
}

#[tokio::test]
async fn connect_hooks_decide_who_may_send_and_as_whom() {
    let server = server().await;
    for status in [401, 403] {
        let path = format!("/told/1?refuse={status}");
        let answer = server
            .publish("POST", &path, json!({"body": "let me in"}))
            .await;
        assert_eq!(answer.problem(status), "rejected");
        assert_eq!(answer.body["detail"], "Refused on purpose.");
    }
    let ann = json!({"body": "mine", "user": "somebody else"});
    server
        .publish("POST", "/told/1?user=ann", ann)
        .await
        .position(201);
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM told");
    let user: String = database::value(&server.database(), "SELECT user FROM told");
    assert_eq!((rows, user.as_str()), (1, "ann"));
}

#[tokio::test]
async fn an_idempotency_key_makes_a_second_sending_harmless() {
    let server = server().await;
    let key = [("idempotency-key", "\"order-1\"")];
    let once = r#"{"body": "once"}"#.to_owned();
    let first = server.http_with("POST", "/chat", &key, once.clone()).await;
    assert_eq!(first.body["_ack"]["_msg_id"], "order-1");
    let unquoted = [("idempotency-key", "order-1")];
    let again = server
        .http_with("POST", "/chat", &unquoted, once.clone())
        .await;
    assert_eq!(again.position(201), first.position(201));
    let other = server
        .http_with("POST", "/chat", &key, r#"{"body": "other"}"#.into())
        .await;
    assert_eq!(other.problem(422), "msg_id_reused");
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    assert_eq!(rows, 1);
    for (key, body) in [
        ("", "{}"),
        (&*"k".repeat(201), "{}"),
        ("a", r#"{"_msg_id": "b"}"#),
    ] {
        let header = [("idempotency-key", key)];
        let answer = server
            .http_with("POST", "/chat", &header, body.into())
            .await;
        assert_eq!(answer.problem(400), "bad_key", "{key:?} {body}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_away_is_a_503_that_says_when_to_come_back() {
    let server = server().await;
    server
        .api("POST", "/api/plugins/chat/quarantine")
        .await
        .ok();
    let answer = server
        .publish("POST", "/clean", json!({"body": "now?"}))
        .await;
    assert_eq!(answer.problem(503), "unavailable");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    server.api("POST", "/api/plugins/chat/resume").await.ok();
    server
        .publish("POST", "/clean", json!({"body": "now"}))
        .await
        .position(201);
}

/// Requests that contend for a row come back from the sequencer to be judged anew.
#[tokio::test]
async fn many_changes_of_one_row_are_all_answered() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    server
        .publish("POST", "/chat", json!({"body": "row"}))
        .await
        .position(201);
    let id = reader.recv().await["id"].clone();
    let changes = (0..60).map(|n| server.publish("PUT", "/chat", json!({"id": id, "n": n})));
    let answers = futures_util::future::join_all(changes).await;
    let mut positions: Vec<_> = answers.iter().map(|answer| answer.position(200)).collect();
    let mut seen = Vec::new();
    for _ in &positions {
        seen.push(
            reader.recv().await["_position"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    seen.sort();
    positions.sort();
    assert_eq!(positions, seen, "each is one event, and its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_post_survives_kill_9() {
    let mut server = server().await;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let url = format!("http://{}/chat", server.address);
        let posts: Vec<_> = (0..4)
            .map(|sender| tokio::spawn(post_until_it_is_gone(url.clone(), round, sender)))
            .collect();
        // In the middle of it.
        eventually("some messages", async || {
            let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
            (rows as usize > acknowledged.len() + 20).then_some(())
        })
        .await;
        server.kill();
        for post in posts {
            acknowledged.extend(post.await.unwrap());
        }
        server.start().await;
    }
    let (rows, _) = server.http("GET", "/chat").await.messages();
    let stored: Vec<_> = rows
        .iter()
        .map(|row| row["body"].as_str().unwrap())
        .collect();
    assert!(
        acknowledged.len() > 50,
        "{} are no test",
        acknowledged.len()
    );
    for body in &acknowledged {
        assert!(
            stored.contains(&body.as_str()),
            "{body} was acknowledged and is lost"
        );
    }
    database::assert_gapless(&database::log(&server.database(), "chat"));
}

/// Posts one message after the other; returns those that were acknowledged.
async fn post_until_it_is_gone(url: String, round: usize, sender: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let body = format!("{round}/{sender}/{n}");
        let message = json!({"body": body}).to_string().into_bytes();
        match try_request("POST", &url, &[], message).await {
            Ok(answer) => {
                answer.position(201);
                acknowledged.push(body);
            }
            Err(_) => break,
        }
    }
    acknowledged
}

#[tokio::test]
async fn what_websockets_and_requests_send_is_in_one_log() {
    let server = server().await;
    let mut client: TestClient = server.subscribe("/chat").await;
    for n in 0..10 {
        let posted = server
            .publish("POST", "/chat", json!({"n": n * 2}))
            .await
            .position(201);
        let acked = client.acked(json!({"n": n * 2 + 1})).await;
        let events: [Value; 2] = [client.recv().await, client.recv().await];
        assert_eq!(
            (&events[0]["n"], &events[1]["n"]),
            (&json!(n * 2), &json!(n * 2 + 1))
        );
        assert_eq!(events[0]["_position"], posted);
        assert_eq!(events[1]["_position"], acked);
    }
}
