//! What the config says of an endpoint holds for requests, too: `methods`,
//! `message_default`, `open`, alerts; and what a request is told of the rows it changes.
//! The guest `relay` makes the query key `user` the user.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::http::{Behaviour, HttpServer};
use crate::support::{EventStream, Setup, TestServer, database, eventually};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"

    [endpoints.mine]
    path = "/mine"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    plugins = ["relay"]
    methods = { POST = "user != null && msg.topic != 'news'", PUT = "row.user == user.id", DELETE = "row.user == user.id" }

    [endpoints.board]
    path = "/board"
    columns.body = "TEXT"
    methods = { POST = "true" }

    [endpoints.measured]
    path = "/measured"
    columns.body = "TEXT"
    columns.length = "INTEGER"
    columns.room = "TEXT"
    columns.edited = "BOOLEAN"
    [endpoints.measured.message_default.POST]
    length = "size(msg.body)"
    room = "'_room' in args ? args._room[0] : null"
    [endpoints.measured.message_default.PUT]
    edited = "true"

    [endpoints.inbox]
    path = "/inbox"
    columns.body = "TEXT"
    columns.recipient = "TEXT"
    plugins = ["relay"]
    # The query key that says who one is must not be a filter here.
    open = { recipient = "[user.id]", user = "['sender']" }

    [endpoints.boxes]
    path = "/boxes"
    columns.box = "TEXT"
    plugins = ["relay"]
    open = { _box = "[user.id]" }
    message_default.POST = { box = "args._box[0]" }

    [plugins.relay]
    grants = ["rows:read"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

fn count(server: &TestServer, table: &str) -> i64 {
    database::value(&server.database(), &format!("SELECT count(*) FROM {table}"))
}

/// The `_ack` of a request that succeeded.
async fn receipt(server: &TestServer, method: &str, path: &str, message: Value) -> Value {
    let mut answer = server.publish(method, path, message).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    answer.body["_ack"].take()
}

#[tokio::test]
async fn the_answer_says_how_many_rows_were_changed() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    for n in 1..=5 {
        let topic = if n % 2 == 0 { "even" } else { "odd" };
        let message = json!({"n": n, "topic": topic});
        let posted = receipt(&server, "POST", "/chat", message).await;
        assert_eq!(posted.get("rows"), None, "a POST changes none: {posted}");
    }
    let id: String = database::value(&server.database(), "SELECT id FROM chat WHERE n = 1");
    let put = receipt(&server, "PUT", "/chat", json!({"id": id, "n": 9})).await;
    assert_eq!(put["rows"], 1);
    let gone = receipt(&server, "DELETE", "/chat", json!({"topic": "even"})).await;
    assert_eq!(gone["rows"], 2);
    let answer = server.http("DELETE", "/chat?topic=odd&n>=4").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.body["_ack"]["rows"], 2,
        "conditions of an address: 9 and 5"
    );
    // Each row is an event of its own; the position is that of the first.
    let (_, first) = reader
        .recv_until(|frame| frame["_method"] == "DELETE")
        .await;
    assert_eq!(first["_position"], gone["position"]);
    assert_eq!(count(&server, "chat"), 1);
    let nothing = server
        .publish("DELETE", "/chat", json!({"topic": "even"}))
        .await;
    assert_eq!(nothing.problem(404), "not_found");
}

#[tokio::test]
async fn a_delete_that_is_sent_again_is_told_the_same_rows() {
    let server = server().await;
    for _ in 0..3 {
        receipt(&server, "POST", "/chat", json!({"topic": "x"})).await;
    }
    let key = [("idempotency-key", "all-of-x")];
    let mut answers = Vec::new();
    for _ in 0..2 {
        let answer = server
            .http_with("DELETE", "/chat?topic=x", &key, String::new())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answers.push(answer.body);
    }
    assert_eq!(answers[0]["_ack"]["rows"], 3);
    assert_eq!(answers[0], answers[1]);
}

/// Each of these could delete more than its sender has in mind.
#[tokio::test]
async fn a_delete_whose_rows_are_not_clear_deletes_none() {
    let server = server().await;
    receipt(&server, "POST", "/chat", json!({"topic": "x", "n": 1})).await;
    for (query, code) in [
        ("", "missing_id"),
        ("?_room=1", "missing_id"),
        ("?topic=", "bad_filter"),
        ("?topic", "bad_filter"),
        ("?topic=x&topic=", "bad_filter"),
        ("?colour=red", "bad_filter"),
        ("?topic=x&_limit=1", "bad_filter"),
        ("?topic=x&_offset=1", "bad_filter"),
    ] {
        let answer = server.http("DELETE", &format!("/chat{query}")).await;
        assert_eq!(answer.problem(400), code, "{query}");
    }
    server
        .database()
        .execute_batch(
            "WITH RECURSIVE numbers(n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) \
             INSERT INTO chat (topic, id) SELECT 'x', 'row-' || n FROM numbers",
        )
        .unwrap();
    let answer = server.http("DELETE", "/chat?topic=x").await;
    assert_eq!(answer.problem(422), "too_many_rows");
    assert_eq!(count(&server, "chat"), 10_001);
    // A key for hooks is no condition.
    let answer = server.http("DELETE", "/chat?n=1&_room=1").await;
    assert_eq!(answer.body["_ack"]["rows"], 1, "{}", answer.text);
}

#[tokio::test]
async fn methods_say_who_may_do_what() {
    let server = server().await;
    let hers = json!({"body": "hers", "topic": "x"});
    let nobody = server.publish("POST", "/mine", hers.clone()).await;
    assert_eq!(nobody.problem(403), "forbidden");
    let news = json!({"body": "hers", "topic": "news"});
    let answer = server.publish("POST", "/mine?user=alice", news).await;
    assert_eq!(answer.problem(403), "forbidden");
    receipt(&server, "POST", "/mine?user=alice", hers).await;

    let id: String = database::value(&server.database(), "SELECT id FROM mine");
    let put = json!({"id": id, "body": "his", "user": "bob"});
    let delete = json!({"topic": "x"});
    for path in ["/mine?user=bob", "/mine"] {
        let answer = server.publish("PUT", path, put.clone()).await;
        assert_eq!(answer.problem(403), "forbidden");
        assert_eq!(answer.body["detail"], "you may not PUT this row");
        let answer = server.publish("DELETE", path, delete.clone()).await;
        assert_eq!(answer.problem(403), "forbidden");
    }
    let (messages, _) = server.http("GET", "/mine").await.messages();
    let row = messages.iter().find(|one| one.get("body").is_some());
    assert_eq!(row.unwrap()["body"], "hers", "untouched, and to be read");
    receipt(&server, "PUT", "/mine?user=alice", put).await;
    let gone = receipt(&server, "DELETE", "/mine?user=alice", delete).await;
    assert_eq!(gone["rows"], 1);

    // What is not named is nobody's, whether there is such a row or not.
    receipt(&server, "POST", "/board", json!({"body": "all"})).await;
    for method in ["PUT", "DELETE"] {
        let answer = server
            .publish(method, "/board", json!({"id": "none"}))
            .await;
        assert_eq!(answer.problem(403), "forbidden");
    }
    assert_eq!(count(&server, "board"), 1);
}

#[tokio::test]
async fn defaults_of_the_config_are_filled_in() {
    let server = server().await;
    let message = json!({"body": "Grüße", "length": 99});
    receipt(&server, "POST", "/measured?_room=7", message).await;
    let (messages, position) = server.http("GET", "/measured").await.messages();
    assert_eq!(
        (&messages[0]["length"], &messages[0]["room"]),
        (&json!(5), &json!("7"))
    );
    let put = json!({"id": messages[0]["id"], "body": "Hi"});
    receipt(&server, "PUT", "/measured", put).await;
    let path = format!("/measured?_after={position}");
    let (messages, _) = server.http("GET", &path).await.messages();
    assert_eq!(messages[0]["edited"], true, "{messages:?}");

    let answer = server
        .publish("POST", "/measured", json!({"_msg_id": "m1"}))
        .await;
    assert_eq!(answer.problem(422), "expression_failed");
    let details = json!({"default": "message_default.POST.length"});
    assert_eq!(
        (&answer.body["details"], &answer.body["_msg_id"]),
        (&details, &json!("m1"))
    );
    assert_eq!(count(&server, "measured"), 1);
}

#[tokio::test]
async fn open_replaces_what_the_request_asks_for() {
    let server = server().await;
    let send = async |recipient: &str| {
        let message = json!({"body": format!("for {recipient}"), "recipient": recipient});
        receipt(&server, "POST", "/inbox?user=sender", message).await
    };
    send("bob").await;
    send("alice").await;
    // Whatever she asks for, she gets what is hers.
    let path = "/inbox?user=alice&recipient=bob";
    let of = |messages: &[Value]| -> Vec<Value> {
        let bodies = messages.iter().filter_map(|message| message.get("body"));
        bodies.cloned().collect()
    };
    let (messages, position) = server.http("GET", path).await.messages();
    assert_eq!(of(&messages), ["for alice"]);
    let mut stream = EventStream::open(&server.address, path, &[]).await;
    assert_eq!(stream.recv().await["body"], "for alice");
    stream.id().await;
    send("bob").await;
    send("alice").await;
    let path = format!("{path}&_after={position}");
    let (messages, _) = server.http("GET", &path).await.messages();
    assert_eq!(of(&messages), ["for alice"], "nor from the log");
    // `relay` tells everyone of connections that end.
    let mut live = Value::Null;
    while live.get("body").is_none() {
        live = stream.recv().await;
    }
    assert_eq!(live["body"], "for alice", "nor live");

    for accept in ["application/json", "text/event-stream"] {
        let headers = [("accept", accept)];
        let answer = server.http_with("GET", "/inbox", &headers, String::new());
        let answer = answer.await;
        assert_eq!(answer.problem(422), "expression_failed", "{accept}");
        assert_eq!(answer.body["details"], json!({"open": "open.recipient"}));
    }
}

/// Who sends can't choose what the config sets for subscribers, either.
#[tokio::test]
async fn open_sets_the_args_by_which_a_message_is_judged() {
    let server = server().await;
    let nobody = server.publish("POST", "/boxes?_box=bob", json!({})).await;
    assert_eq!(nobody.problem(422), "expression_failed");
    assert_eq!(nobody.body["details"], json!({"open": "open._box"}));
    receipt(&server, "POST", "/boxes?user=alice&_box=bob", json!({})).await;
    let stored: String = database::value(&server.database(), "SELECT box FROM boxes");
    assert_eq!(stored, "alice");
    // Nor is it what a DELETE by its address is about.
    let id: String = database::value(&server.database(), "SELECT id FROM boxes");
    let path = format!("/boxes?user=alice&id={id}");
    let gone = server.http("DELETE", &path).await;
    assert_eq!(gone.body["_ack"]["rows"], 1, "{}", gone.text);
    let refused = server.metric("hookcast_rejections_total", &["boxes", "expression_failed"]);
    assert!(refused.await > 0.0, "it counts as on a WebSocket");
}

#[tokio::test]
async fn requests_alert_unless_they_say_that_they_must_not() {
    let (taken, mut calls) = mpsc::unbounded_channel();
    let hook = HttpServer::start(Behaviour::Takes(taken, 0)).await;
    let server = Setup::new(&format!(
        "[endpoints.chat]
        path = '/chat'
        columns.body = 'TEXT'
        [endpoints.chat.alert]
        methods = ['POST', 'DELETE']
        webhook = {{ url = '{}' }}",
        hook.url()
    ))
    .start()
    .await;
    for (method, message) in [
        ("POST", json!({"body": "quiet", "_alert": false})),
        ("POST", json!({"body": "loud"})),
        ("DELETE", json!({"body": "quiet", "_alert": false})),
        ("DELETE", json!({"body": "loud"})),
    ] {
        receipt(&server, method, "/chat", message).await;
    }
    eventually("the outbox to be empty", async || {
        let answer = server.api("GET", "/api/alerts").await.ok();
        answer["alerts"].as_array()?.is_empty().then_some(())
    })
    .await;
    let mut told = Vec::new();
    while let Ok((_, body)) = calls.try_recv() {
        let call: Value = serde_json::from_str(&body).unwrap();
        told.push(format!("{} {}", call["method"], call["message"]["body"]));
    }
    told.sort();
    assert_eq!(told, [r#""DELETE" "loud""#, r#""POST" "loud""#]);
}
