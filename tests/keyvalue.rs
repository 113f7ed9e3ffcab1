//! Key-value storage: committed with the message or not at all, seen by the message's own
//! hooks, never based on what has changed.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database, eventually};

// Deadlines are not the subject here, and the machine is busy.
const CONFIG: &str = r#"
    [plugins.counter]
    grants = ["kv"]
    [plugins.counter.limits]
    hook = "5s"
    wall = "10s"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.unique = "TEXT"
    plugins = ["counter"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG).guest("counter").start().await
}

/// A client that gets answers but no events.
async fn client(server: &TestServer) -> TestClient {
    server.connect("/chat?body=-").await
}

/// What each operation answers, in one message.
async fn run(client: &mut TestClient, operations: Value) -> Vec<Value> {
    client.send(json!({"_type": "kv", "do": operations})).await;
    let fits = |frame: &Value| frame["_type"] == "kv" || frame.get("_error").is_some();
    let (_, answer) = client.recv_until(fits).await;
    let results = answer["result"].as_array();
    results.unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn get(client: &mut TestClient, key: &str) -> Value {
    run(client, json!([{"op": "get", "key": key}]))
        .await
        .remove(0)
}

async fn refused(client: &mut TestClient, operations: Value) -> Value {
    client
        .refused(json!({"_type": "kv", "do": operations}))
        .await
}

fn set(key: &str, value: &str) -> Value {
    json!({"op": "set", "key": key, "value": value})
}

#[tokio::test]
async fn values_are_set_read_and_removed() {
    let server = server().await;
    let mut client = client(&server).await;
    let done = run(
        &mut client,
        json!([
            {"op": "get", "key": "a"}, {"op": "exists", "key": "a"},
            set("a", "1"), {"op": "get", "key": "a"}, {"op": "exists", "key": "a"},
            set("b", "ü"), {"op": "delete", "key": "a"}, {"op": "get", "key": "a"},
            {"op": "delete", "key": "a"},
            {"op": "get", "key": "b", "bucket": "other"},
        ]),
    )
    .await;
    let expected = json!([null, false, null, "1", true, null, null, null, null, null]);
    assert_eq!(Value::from(done), expected);
    // The same as another message and another connection see it.
    for client in [&mut client, &mut self::client(&server).await] {
        let done = run(
            client,
            json!([{"op": "get", "key": "a"}, {"op": "get", "key": "b"}]),
        )
        .await;
        assert_eq!(done, [json!(null), json!("ü")]);
    }
}

#[tokio::test]
async fn several_keys_in_one_call() {
    let server = server().await;
    let mut client = client(&server).await;
    let pairs = json!([["a", "1"], ["b", "2"], ["c", "3"]]);
    run(&mut client, json!([{"op": "set_many", "pairs": pairs}])).await;
    let get = json!({"op": "get_many", "keys": ["c", "none", "a"]});
    let done = run(&mut client, json!([get])).await;
    assert_eq!(done, [json!([["c", "3"], null, ["a", "1"]])]);
    let delete = json!({"op": "delete_many", "keys": ["a", "none", "c"]});
    run(&mut client, json!([delete])).await;
    let done = run(&mut client, json!([{"op": "keys"}])).await;
    assert_eq!(done, [json!({"keys": ["b"], "cursor": null})]);
}

#[tokio::test]
async fn hooks_of_a_message_see_what_those_before_have_written() {
    let server = server().await;
    let mut reader = server.subscribe("/chat").await;
    let mut client = client(&server).await;
    run(&mut client, json!([set("n", "40")])).await;
    let message = json!({
        "body": "x",
        "prepare": [
            {"op": "increment", "key": "n", "delta": 1}, {"op": "add", "key": "n", "delta": 1},
            {"op": "add", "key": "m", "delta": -7}, set("s", "prepared"),
        ],
        "modify": [
            {"op": "get", "key": "n"}, {"op": "get", "key": "m"}, {"op": "get", "key": "s"},
            {"op": "keys"}, {"op": "delete", "key": "s"}, {"op": "keys"},
        ],
    });
    client.acked(message).await;
    let event = reader.recv().await;
    assert_eq!(event["prepared"], json!([41, null, null, null]));
    let modified = &event["modified"];
    assert_eq!(modified[0], "42");
    assert_eq!(modified[1], "-7");
    assert_eq!(modified[2], "prepared");
    assert_eq!(modified[3]["keys"], json!(["m", "n", "s"]));
    assert_eq!(modified[5]["keys"], json!(["m", "n"]));
    let done = run(
        &mut client,
        json!([{"op": "get_many", "keys": ["n", "m", "s"]}]),
    )
    .await;
    assert_eq!(done, [json!([["n", "42"], ["m", "-7"], null])]);
}

#[tokio::test]
async fn published_messages_see_the_keys_of_the_one_that_caused_them() {
    let config = CONFIG.replace(r#"["kv"]"#, r#"["kv", "publish:chat", "publish:other"]"#);
    let other = r#"
        [endpoints.other]
        path = "/other"
        columns.body = "TEXT"
        plugins = ["counter"]
    "#;
    let server = Setup::new(&(config + other)).guest("counter").start().await;
    let mut here = server.subscribe("/chat").await;
    let mut there = server.subscribe("/other").await;
    let mut client = client(&server).await;
    let count = json!({"op": "increment", "key": "n", "delta": 1});
    let publish = |endpoint: &str, body: &str| {
        let message = json!({"body": body, "prepare": [count]});
        json!({"op": "publish", "endpoint": endpoint, "message": message})
    };
    let prepare = json!([
        count,
        publish("chat", "same"),
        publish("other", "first there"),
        publish("other", "second there"),
        publish("chat", "same again"),
    ]);
    client
        .acked(json!({"body": "cause", "prepare": prepare}))
        .await;
    for (body, n) in [("cause", 1), ("same", 2), ("same again", 3)] {
        let event = here.recv().await;
        assert_eq!(
            (&event["body"], &event["prepared"][0]),
            (&json!(body), &json!(n))
        );
    }
    for (body, n) in [("first there", 1), ("second there", 2)] {
        let event = there.recv().await;
        assert_eq!(
            (&event["body"], &event["prepared"][0]),
            (&json!(body), &json!(n))
        );
    }
    assert_eq!(get(&mut client, "n").await, "3");
    assert_eq!(server.metric("hookcast_conflicts_total", &[]).await, 0.0);
}

#[tokio::test]
async fn all_or_nothing() {
    let server = server().await;
    let mut client = client(&server).await;
    let written = json!([set("k", "v"), {"op": "add", "key": "n", "delta": 1}]);
    // A later hook says no.
    let vetoed = json!({"body": "x", "prepare": written, "veto": true});
    assert_eq!(client.refused_with(vetoed).await, "veto");
    // The database says no: to one message alone, and to one within a group.
    let unique = "CREATE UNIQUE INDEX once ON chat (\"unique\")";
    server.database().execute_batch(unique).expect("an index");
    client.acked(json!({"body": "first", "unique": "u"})).await;
    let twice = json!({"body": "x", "unique": "u", "prepare": written});
    assert_eq!(client.refused_with(twice.clone()).await, "constraint");
    for n in 0..20 {
        let mut message = twice.clone();
        if n % 2 == 0 {
            message = json!({
                "body": "x", "prepare": [{"op": "add", "key": "good", "delta": 1}],
            });
        }
        message["_msg_id"] = format!("m{n}").into();
        client.send(message).await;
    }
    for n in 0..20 {
        let answer = client.answer_to(&format!("m{n}")).await;
        let kind = if n % 2 == 0 { "_ack" } else { "_error" };
        assert!(answer[kind].is_object(), "{n}: {answer}");
    }
    // A hook fails on the way.
    let failing = json!([set("k", "v"), {"op": "increment", "key": "k", "delta": 1}]);
    assert_eq!(refused(&mut client, failing).await["code"], "invalid");
    let get = json!({"op": "get_many", "keys": ["k", "n", "good"]});
    let done = run(&mut client, json!([get])).await;
    assert_eq!(done, [json!([null, null, ["good", "10"]])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_exact_however_many_increment_at_once() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 60;
    let server = server().await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut client = client(&server).await;
        writers.push(tokio::spawn(async move {
            let increment = json!([{"op": "increment", "key": "n", "delta": 1}]);
            let mut sums = Vec::new();
            // Half of them one by one, half of them without waiting.
            if writer % 2 == 0 {
                for _ in 0..EACH {
                    sums.push(run(&mut client, increment.clone()).await[0].as_u64());
                }
                return sums;
            }
            for _ in 0..EACH {
                client.send(json!({"_type": "kv", "do": increment})).await;
            }
            for _ in 0..EACH {
                let answer = client.recv().await;
                assert!(answer.get("_error").is_none(), "{answer}");
                sums.push(answer["result"][0].as_u64());
            }
            sums
        }));
    }
    let mut sums = Vec::new();
    for writer in writers {
        let mine = writer.await.expect("a writer");
        assert!(
            mine.is_sorted(),
            "a connection's messages in order: {mine:?}"
        );
        sums.extend(mine);
    }
    sums.sort_unstable();
    let expected: Vec<_> = (1..=WRITERS * EACH).map(Some).collect();
    assert_eq!(sums, expected, "each sum was given once");
    assert!(server.metric("hookcast_conflicts_total", &[]).await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn add_never_conflicts() {
    const WRITERS: i64 = 4;
    const EACH: i64 = 100;
    let server = server().await;
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut client = client(&server).await;
        writers.push(tokio::spawn(async move {
            for n in 0..EACH {
                let add = json!({"op": "add", "key": "n", "delta": 2 * (n % 2) + 1});
                client
                    .send(json!({"_type": "kv", "do": [add], "tag": n}))
                    .await;
            }
            for n in 0..EACH {
                assert_eq!(client.recv().await["tag"], n);
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let sum = (WRITERS * EACH * 2).to_string();
    assert_eq!(get(&mut client(&server).await, "n").await, sum);
    assert_eq!(server.metric("hookcast_conflicts_total", &[]).await, 0.0);
}

#[tokio::test]
async fn adding_to_something_else_than_a_number_is_refused() {
    let server = server().await;
    let mut client = client(&server).await;
    run(
        &mut client,
        json!([set("word", "x"), set("big", "9223372036854775807")]),
    )
    .await;
    for key in ["word", "big"] {
        let increment = json!([{"op": "increment", "key": key, "delta": 1}]);
        assert_eq!(refused(&mut client, increment).await["code"], "invalid");
        let add = json!([set("other", "x"), {"op": "add", "key": key, "delta": 1}]);
        assert_eq!(refused(&mut client, add).await["code"], "plugin_failed");
        server
            .log
            .with(&["plugin `counter` adds to the key", key])
            .await;
    }
    assert_eq!(
        get(&mut client, "other").await,
        Value::Null,
        "nothing remains"
    );
    assert_eq!(get(&mut client, "word").await, "x");
}

#[tokio::test]
async fn compare_and_swap() {
    let server = server().await;
    let mut client = client(&server).await;
    let swap = |expected: Value, new: Value| json!({"op": "swap", "key": "k", "expected": expected, "new": new});
    for (expected, new, swapped, left) in [
        (json!("a"), json!("b"), false, json!(null)),
        (json!(null), json!(null), true, json!(null)),
        (json!(null), json!("a"), true, json!("a")),
        (json!(null), json!("b"), false, json!("a")),
        (json!("a"), json!("b"), true, json!("b")),
        (json!("a"), json!(null), false, json!("b")),
        (json!("b"), json!(null), true, json!(null)),
    ] {
        let done = run(
            &mut client,
            json!([swap(expected, new), {"op": "get", "key": "k"}]),
        )
        .await;
        assert_eq!(done, [json!(swapped), left.clone()]);
        assert_eq!(get(&mut client, "k").await, left);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn just_one_of_many_gets_what_there_is_one_of() {
    let server = server().await;
    let mut takers = Vec::new();
    for taker in 0..6 {
        let mut client = client(&server).await;
        let name = format!("taker {taker}");
        takers.push(tokio::spawn(async move {
            let take = json!([{"op": "swap", "key": "seat", "expected": null, "new": name}]);
            (run(&mut client, take).await[0] == true).then_some(name)
        }));
    }
    let mut taken = Vec::new();
    for taker in takers {
        taken.extend(taker.await.expect("a taker"));
    }
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(get(&mut client(&server).await, "seat").await, taken[0]);
}

#[tokio::test]
async fn values_end_when_their_time_is_over() {
    let mut server = server().await;
    let mut client = client(&server).await;
    let lasting = json!({"op": "set_for", "key": "long", "value": "x", "ms": 3_600_000});
    let brief = json!({"op": "set_for", "key": "brief", "value": "1", "ms": 50});
    let done = run(
        &mut client,
        json!([lasting, brief, {"op": "get", "key": "long"}]),
    )
    .await;
    assert_eq!(done[2], "x");
    let what = "the brief one to end";
    eventually(what, async || {
        get(&mut client, "brief").await.is_null().then_some(())
    })
    .await;
    let look = json!([
        {"op": "exists", "key": "brief"}, {"op": "exists", "key": "long"}, {"op": "keys"},
        {"op": "increment", "key": "brief", "delta": 5},
        {"op": "increment", "key": "brief", "delta": 5},
    ]);
    let done = run(&mut client, look).await;
    assert_eq!(done[..2], [json!(false), json!(true)]);
    assert_eq!(done[2]["keys"], json!(["long"]));
    assert_eq!(
        done[4], 10,
        "what has ended counts as 0, and what begins anew stays"
    );
    let zero = json!([{"op": "set_for", "key": "k", "value": "x", "ms": 0}]);
    assert_eq!(refused(&mut client, zero).await["code"], "invalid");
    // Maintenance removes it, and its bytes are free.
    let past = "UPDATE hookcast_kv SET expires = 1 WHERE key = 'long'";
    server.terminate();
    server.ended().await;
    server
        .database()
        .execute_batch(past)
        .expect("the statement");
    server.start().await;
    let rows = "SELECT count(*) FROM hookcast_kv";
    eventually("the removal", async || {
        (database::value::<i64>(&server.database(), rows) == 1).then_some(())
    })
    .await;
    assert_bytes(&server);
}

/// The figure of what the keys take is exact.
fn assert_bytes(server: &TestServer) {
    let database = server.database();
    let counted: i64 = database::value(&database, "SELECT sum(bytes) FROM hookcast_kv_spaces");
    let real: i64 = database::value(
        &database,
        "SELECT sum(length(CAST(bucket || key AS BLOB)) + length(value)) FROM hookcast_kv",
    );
    assert_eq!(counted, real);
}

#[tokio::test]
async fn keys_come_in_pages() {
    let server = server().await;
    let mut client = client(&server).await;
    for prefix in ["a", "b", "c"] {
        let sow = json!([{"op": "sow", "prefix": prefix, "count": 900}]);
        run(&mut client, sow).await;
    }
    let mut pages = Vec::new();
    let mut cursor = Value::Null;
    loop {
        // The last one is only in the call, and one of the committed is gone in it.
        let operations = json!([
            set("z", ""), {"op": "delete", "key": "a0000"}, {"op": "keys", "cursor": cursor},
            {"op": "delete", "key": "z"}, set("a0000", ""),
        ]);
        let page = run(&mut client, operations).await.remove(2);
        pages.push(page["keys"].as_array().expect("keys").clone());
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1_000, 1_000, 700]);
    let all = pages.concat();
    assert_eq!((&all[0], &all[2_699]), (&json!("a0001"), &json!("z")));
    assert!(all.is_sorted_by_key(|key| key.as_str().map(str::to_owned)));
    let other = json!([{"op": "keys", "bucket": "other"}]);
    assert_eq!(run(&mut client, other).await[0]["keys"], json!([]));
}
