//! POST, PUT and DELETE: which rows they are about, who may, and what is answered and told.
//! The guest `relay` makes the query key `user` the user.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
    columns.done = "BOOLEAN"

    [endpoints.mine]
    path = "/mine"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    plugins = ["relay"]
    methods = { POST = "msg.topic != 'news' || user.id == 'editor'", PUT = "row.user == user.id", DELETE = "user.id == 'admin' || row.user == user.id" }

    [endpoints.readonly]
    path = "/readonly"
    columns.body = "TEXT"
    plugins = ["relay"]
    methods = {}

    [endpoints.board]
    path = "/board"
    columns.body = "TEXT"
    plugins = ["relay"]
    methods = { POST = "user != null", DELETE = "user.role == 'admin'" }

    [endpoints.fleeting]
    path = "/fleeting"
    durability = "ephemeral"
    methods = { POST = "msg.body != 'no'" }

    [plugins.relay]
    grants = ["publish:readonly", "rows:read", "rows:write"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("relay").start().await
}

/// Posts, and waits for the row's id.
async fn posted(client: &mut TestClient, message: Value) -> Value {
    client.acked(message).await;
    client.recv().await["id"].clone()
}

/// Rows 1 to `count`, the even ones in the topic `even`; their ids.
async fn rows(client: &mut TestClient, count: i64) -> Vec<Value> {
    let mut ids = Vec::new();
    for n in 1..=count {
        let topic = if n % 2 == 0 { "even" } else { "odd" };
        ids.push(posted(client, json!({"n": n, "topic": topic})).await);
    }
    ids
}

/// What `_ack` says of a message.
async fn receipt(client: &mut TestClient, id: &str, mut message: Value) -> Value {
    message["_msg_id"] = id.into();
    message["_client"] = "tester".into();
    client.send(message).await;
    client.answer_to(id).await["_ack"].take()
}

fn count(server: &TestServer, table: &str) -> i64 {
    database::value(&server.database(), &format!("SELECT count(*) FROM {table}"))
}

#[tokio::test]
async fn the_answer_says_how_many_rows_were_changed() {
    let mut server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    let post = receipt(&mut client, "m0", json!({"n": 0})).await;
    assert_eq!(post.get("rows"), None, "a POST changes none: {post}");
    for n in 1..=4 {
        client.acked(json!({"n": n, "topic": "x"})).await;
    }
    let id: String = database::value(&server.database(), "SELECT id FROM chat WHERE n = 1");
    let put = json!({"_method": "PUT", "id": id, "n": 10});
    let changed = receipt(&mut client, "m1", put.clone()).await;
    assert_eq!(changed["rows"], 1);
    let delete = json!({"_method": "DELETE", "topic": "x"});
    let deleted = receipt(&mut client, "m2", delete.clone()).await;
    assert_eq!(deleted["rows"], 4);
    assert_eq!(count(&server, "chat"), 1);
    // Whoever did not get the answer and asks again gets the same, also from the next run,
    // and nothing is done twice.
    assert_eq!(receipt(&mut client, "m2", delete.clone()).await, deleted);
    server.restart().await;
    let mut again = server.connect("/chat?body=-").await;
    assert_eq!(receipt(&mut again, "m2", delete).await, deleted);
    assert_eq!(receipt(&mut again, "m1", put).await, changed);
}

#[tokio::test]
async fn a_delete_by_conditions_tells_of_each_row_to_those_who_had_it() {
    let server = server().await;
    let mut even = server.subscribe("/chat?topic=even").await;
    let mut odd = server.subscribe("/chat?topic=odd").await;
    let mut client = server.connect("/chat").await;
    let ids = rows(&mut client, 4).await;
    let mut all = server.subscribe("/chat").await;
    client
        .acked(json!({"_method": "DELETE", "topic": ["even", "odd"], "n": [1, 2, "4"]}))
        .await;
    let request = |id: &Value| json!({"_method": "DELETE", "topic": ["even", "odd"], "n": [1, 2, "4"], "id": id});
    for at in [0, 1, 3] {
        assert_eq!(
            client.recv().await,
            request(&ids[at]),
            "oldest first, and the request"
        );
        let mut seen = all.recv().await;
        assert!(
            seen.as_object_mut()
                .unwrap()
                .shift_remove("_position")
                .is_some()
        );
        assert_eq!(seen, request(&ids[at]));
    }
    client.acked(json!({"body": "last", "topic": "even"})).await;
    client.acked(json!({"body": "last", "topic": "odd"})).await;
    let told = |frames: Vec<Value>| -> Vec<Value> {
        let deletes = frames
            .into_iter()
            .filter(|frame| frame["_method"] == "DELETE");
        deletes.map(|frame| frame["id"].clone()).collect()
    };
    assert_eq!(
        told(even.recv_before("last").await),
        [ids[1].clone(), ids[3].clone()]
    );
    assert_eq!(told(odd.recv_before("last").await), [ids[0].clone()]);
    let log = database::log(&server.database(), "chat");
    database::assert_gapless(&log);
    assert_eq!(count(&server, "chat"), 3);
}

/// One who was away is told of each row, like those who were there.
#[tokio::test]
async fn a_delete_of_several_rows_can_be_resumed_in_its_middle() {
    let server = server().await;
    let mut client = server.connect("/chat?_after=").await;
    client.history().await;
    for n in 1..=5 {
        client.acked(json!({"n": n, "topic": "x"})).await;
        client.recv().await;
    }
    client
        .acked(json!({"_method": "DELETE", "topic": "x"}))
        .await;
    let mut frames = Vec::new();
    for _ in 0..5 {
        frames.push(client.recv().await);
    }
    for (at, frame) in frames.iter().enumerate() {
        let position = frame["_position"].as_str().unwrap();
        let mut again = server.connect(&format!("/chat?_after={position}")).await;
        for expected in &frames[at + 1..] {
            assert_eq!(again.recv().await, *expected);
        }
        again.send(json!({"_method": "MARK"})).await;
        assert_eq!(
            again.recv().await["_error"]["code"],
            "unknown_method",
            "and nothing more"
        );
    }
}

#[tokio::test]
async fn a_delete_sees_what_was_sent_before_it_and_not_what_is_sent_behind_it() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = server.connect("/chat?body=-").await;
    for round in 0..20 {
        for n in 0..5 {
            client.send(json!({"n": n, "topic": "x"})).await;
        }
        client
            .send(json!({"_method": "DELETE", "topic": "x"}))
            .await;
        client.send(json!({"n": 9, "topic": "y"})).await;
        for _ in 0..5 {
            assert_eq!(reader.recv().await["_method"], "POST", "round {round}");
        }
        for _ in 0..5 {
            assert_eq!(reader.recv().await["_method"], "DELETE", "round {round}");
        }
        assert_eq!(reader.recv().await["topic"], "y", "round {round}");
    }
    assert_eq!(count(&server, "chat"), 20);
}

#[tokio::test]
async fn a_put_or_delete_must_say_which_rows() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    posted(&mut client, json!({"n": 1, "topic": "x"})).await;
    for (message, code) in [
        (json!({"_method": "PUT", "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "id": "", "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "id": null, "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "id": ["x"], "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "n>": "0"}), "missing_id"),
        // Gramex takes every part of the word for the key.
        (json!({"_method": "PUT", "i": "x", "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "d": "x", "n": 2}), "missing_id"),
        (json!({"_method": "PUT", "": "x", "n": 2}), "missing_id"),
        (
            json!({"_method": "PUT", "id": "nobody", "n": 2}),
            "not_found",
        ),
        (json!({"_method": "DELETE"}), "missing_id"),
        (json!({"_method": "DELETE", "id": ""}), "missing_id"),
        (json!({"_method": "DELETE", "id": null}), "missing_id"),
        (json!({"_method": "DELETE", "id": "nobody"}), "not_found"),
        (json!({"_method": "DELETE", "id": ["nobody"]}), "not_found"),
        (json!({"_method": "DELETE", "n": 7}), "not_found"),
        (json!({"_method": "DELETE", "topic": ""}), "bad_filter"),
        (json!({"_method": "DELETE", "topic": null}), "bad_filter"),
        (json!({"_method": "DELETE", "topic": []}), "bad_filter"),
        (json!({"_method": "DELETE", "nosuch": "x"}), "bad_filter"),
        (json!({"_method": "DELETE", "n": "many"}), "bad_filter"),
        (
            json!({"_method": "DELETE", "n": 1, "_limit": 1}),
            "bad_filter",
        ),
    ] {
        assert_eq!(
            client.refused_with(message.clone()).await,
            code,
            "{message}"
        );
    }
    assert_eq!(count(&server, "chat"), 1);
    let rows: i64 = database::value(&server.database(), "SELECT n FROM chat");
    assert_eq!(rows, 1);
    let mut fleeting = server.connect("/fleeting").await;
    let code = fleeting
        .refused_with(json!({"_method": "DELETE", "n": 1}))
        .await;
    assert_eq!(code, "forbidden", "it is not named in `methods`");
}

#[tokio::test]
async fn what_stands_beside_an_id_is_no_condition() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    let id = posted(&mut client, json!({"n": 1})).await;
    let message = json!({"_method": "DELETE", "id": id, "n": 7, "nosuch": "x"});
    client.acked(message.clone()).await;
    assert_eq!(client.recv().await, message);
}

/// All of them or none: of 10,001 rows nothing is deleted, of 10,000 everything.
#[tokio::test]
async fn ten_thousand_rows_can_be_deleted_at_once_and_not_one_more() {
    let server = server().await;
    let mut client = server.connect("/chat?body=-").await;
    client.acked(json!({"n": 0, "topic": "x"})).await;
    // Rows of another program are as good as any.
    server
        .database()
        .execute_batch(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
             INSERT INTO chat (n, topic, id) SELECT n, 'x', 'row-' || n FROM numbers",
        )
        .unwrap();
    let all = json!({"_method": "DELETE", "topic": "x"});
    assert_eq!(client.refused_with(all.clone()).await, "too_many_rows");
    assert_eq!(count(&server, "chat"), 10_001);
    client
        .acked(json!({"_method": "DELETE", "id": "row-1"}))
        .await;
    assert_eq!(receipt(&mut client, "all", all).await["rows"], 10_000);
    assert_eq!(count(&server, "chat"), 0);
    database::assert_gapless(&database::log(&server.database(), "chat"));
}

/// Rows that change between the judging and the write are judged anew.
#[tokio::test]
async fn deletes_and_changes_of_the_same_rows_get_along() {
    let server = server().await;
    let mut seeds = server.connect("/chat?body=-").await;
    for n in 0..50 {
        seeds.acked(json!({"n": n, "topic": "x"})).await;
    }
    let ids: Vec<String> = {
        let database = server.database();
        let mut statement = database
            .prepare("SELECT id FROM chat ORDER BY rowid")
            .unwrap();
        let ids = statement.query_map([], |row| row.get(0)).unwrap();
        ids.map(Result::unwrap).collect()
    };
    let mut changer = server.connect("/chat?body=-").await;
    let mut deleter = server.connect("/chat?body=-").await;
    for (at, id) in ids.iter().enumerate() {
        changer
            .send(json!({"_method": "PUT", "id": id, "n": 1000 + at}))
            .await;
        if at % 10 == 5 {
            deleter
                .send(json!({"_method": "DELETE", "topic": "x"}))
                .await;
            deleter.send(json!({"n": 0, "topic": "x"})).await;
        }
    }
    deleter.acked(json!({"topic": "z"})).await;
    // Whoever lost was told so, and what is left is what the log says.
    changer.acked(json!({"topic": "z"})).await;
    deleter
        .acked(json!({"_method": "DELETE", "topic": ["x", "z"]}))
        .await;
    assert_eq!(count(&server, "chat"), 0);
    let log = database::log(&server.database(), "chat");
    database::assert_gapless(&log);
    let balance: i64 = database::value(
        &server.database(),
        "SELECT sum(method = 'POST') - sum(method = 'DELETE') FROM hookcast_log",
    );
    assert_eq!(balance, 0, "each row was deleted once");
}

#[tokio::test]
async fn without_methods_everyone_may_do_everything() {
    let server = server().await;
    let (mut one, mut other) = (
        server.connect("/chat").await,
        server.connect("/chat?body=-").await,
    );
    let id = posted(&mut one, json!({"n": 1})).await;
    other
        .acked(json!({"_method": "PUT", "id": id, "n": 2}))
        .await;
    other.acked(json!({"_method": "DELETE", "id": id})).await;
    assert_eq!(count(&server, "chat"), 0);
}

#[tokio::test]
async fn conditions_say_who_may_do_what_to_which_row() {
    let server = server().await;
    let mut alice = server.connect("/mine?user=alice").await;
    let mut bob = server.connect("/mine?user=bob").await;
    let mut admin = server.connect("/mine?user=admin").await;
    let mut nobody = server.connect("/mine").await;
    let id = posted(&mut alice, json!({"body": "hers", "topic": "x"})).await;

    let put = |body: &str| json!({"_method": "PUT", "id": id, "body": body, "user": "bob"});
    for client in [&mut bob, &mut admin, &mut nobody] {
        let error = client.refused(put("theirs")).await;
        assert_eq!(error["code"], "forbidden");
        assert_eq!(error["message"], "you may not PUT this row");
    }
    alice.acked(put("hers still")).await;
    let put = alice.recv().await;
    assert_eq!(put["user"], "alice", "who wrote it stays who wrote it");

    let delete = json!({"_method": "DELETE", "id": id});
    for client in [&mut bob, &mut nobody] {
        assert_eq!(client.refused_with(delete.clone()).await, "forbidden");
    }
    admin.acked(delete).await;

    // The condition is about the message as its defaults have left it.
    for (topic, code) in [("news", Some("forbidden")), ("chat", None)] {
        let message = json!({"topic": topic, "body": "x"});
        match code {
            Some(code) => assert_eq!(bob.refused_with(message).await, code),
            None => drop(bob.acked(message).await),
        }
    }
    let mut editor = server.connect("/mine?user=editor").await;
    editor.acked(json!({"topic": "news", "body": "x"})).await;
    // A condition that can't be evaluated holds for nobody: there is no `topic`.
    assert_eq!(bob.refused_with(json!({"body": "x"})).await, "forbidden");
}

/// Of all the rows that a DELETE is about, or of none.
#[tokio::test]
async fn a_row_that_one_may_not_delete_keeps_the_others() {
    let server = server().await;
    let mut alice = server.connect("/mine?user=alice").await;
    let mut bob = server.connect("/mine?user=bob").await;
    for client in [&mut alice, &mut bob] {
        for _ in 0..2 {
            client.acked(json!({"topic": "x"})).await;
        }
    }
    let error = bob
        .refused(json!({"_method": "DELETE", "topic": "x"}))
        .await;
    assert_eq!(error["code"], "forbidden");
    assert_eq!(
        error["message"],
        "you may not DELETE all of these rows, so none was changed"
    );
    assert_eq!(count(&server, "mine"), 4);
    bob.acked(json!({"_method": "DELETE", "topic": "x", "user": "bob"}))
        .await;
    assert_eq!(count(&server, "mine"), 2);
}

#[tokio::test]
async fn what_methods_does_not_name_is_nobodys() {
    let server = server().await;
    let mut board = server.connect("/board?user=alice").await;
    let id = posted(&mut board, json!({"body": "x"})).await;
    let error = board.refused(json!({"_method": "PUT", "id": id})).await;
    assert_eq!(error["code"], "forbidden");
    assert_eq!(error["message"], "you may not PUT here");
    // Nothing is found out about rows by those who may not anyway.
    let absent = json!({"_method": "DELETE", "id": "nobody"});
    assert_eq!(board.refused_with(absent).await, "forbidden");
    let mut nobody = server.connect("/board").await;
    assert_eq!(nobody.refused_with(json!({"body": "x"})).await, "forbidden");
    let mut readonly = server.subscribe("/readonly").await;
    assert_eq!(
        readonly.refused_with(json!({"body": "x"})).await,
        "forbidden"
    );
    let mut fleeting = server.connect("/fleeting").await;
    assert_eq!(
        fleeting.refused_with(json!({"body": "no"})).await,
        "forbidden"
    );
    fleeting.acked(json!({"body": "yes"})).await;
}

/// `methods` is about clients: what a plugin may is what it was granted.
#[tokio::test]
async fn plugins_are_not_asked() {
    let server = server().await;
    let mut readonly = server.subscribe("/readonly").await;
    let mut client = server.connect("/board?user=alice").await;
    client
        .acked(json!({"_type": "publish", "endpoint": "readonly", "message": {"body": "one"}}))
        .await;
    let seen = readonly.recv().await;
    assert_eq!(seen["body"], "one");
    readonly
        .acked(json!({"_type": "update", "row": {"id": seen["id"], "body": "two"}}))
        .await;
    let (_, changed) = readonly.recv_until(|frame| frame["_method"] == "PUT").await;
    assert_eq!(changed["body"], "two");
    // Several rows, also for them.
    let delete = json!({"_type": "publish", "endpoint": "readonly", "method": "DELETE", "message": {"body": "two"}});
    client.acked(delete).await;
    let gone = readonly.recv().await;
    assert_eq!(
        (&gone["_method"], &gone["id"]),
        (&json!("DELETE"), &seen["id"])
    );
}

#[tokio::test]
async fn a_deletes_hooks_run_once_and_modify_for_each_row() {
    let config = r#"
        [endpoints.chat]
        path = "/chat"
        columns.n = "INTEGER"
        plugins = ["versioned"]
        message_default.DELETE = { by = "'somebody'" }
    "#;
    let server = Setup::new(config)
        .guest_as("versioned-a", "versioned")
        .start()
        .await;
    let mut client = server.connect("/chat").await;
    let mut ids = Vec::new();
    for n in 1..=2 {
        ids.push(posted(&mut client, json!({"n": n})).await);
    }
    client
        .acked(json!({"_method": "DELETE", "n": [1, 2]}))
        .await;
    for id in ids {
        let expected = json!({
            "_method": "DELETE", "n": [1, 2], "by": "somebody", "p": "a", "id": id, "m": "a"
        });
        assert_eq!(client.recv().await, expected);
    }
}
