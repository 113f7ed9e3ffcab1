//! Key-value storage at its bounds: limits, grants, whose keys they are, and what is left
//! after a crash.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rand::Rng as _;
use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database, eventually};

const CONFIG: &str = r#"
    [plugins.counter]
    grants = ["kv"]
    [plugins.counter.limits]
    hook = "5s"
    wall = "10s"
    kv_value = "1 KiB"
    kv_total = "4 KiB"
    [plugins.other]
    grants = ["kv"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["counter"]
    [endpoints.second]
    path = "/second"
    columns.body = "TEXT"
    plugins = ["counter"]
    [endpoints.brief]
    path = "/brief"
    durability = "ephemeral"
    plugins = ["counter"]
"#;

fn setup() -> Setup {
    Setup::new(CONFIG)
        .guest("counter")
        .guest_as("counter", "other")
}

async fn client(server: &TestServer) -> TestClient {
    server.connect("/chat?body=-").await
}

/// The code of what one operation is refused with; null when it is not.
async fn code(client: &mut TestClient, operation: Value) -> Value {
    client.send(json!({"_type": "kv", "do": [operation]})).await;
    let fits = |frame: &Value| frame["_type"] == "kv" || frame.get("_error").is_some();
    let (_, answer) = client.recv_until(fits).await;
    answer["_error"]["code"].clone()
}

async fn get(client: &mut TestClient, key: &str) -> Value {
    client
        .send(json!({"_type": "kv", "do": [{"op": "get", "key": key}]}))
        .await;
    let (_, answer) = client.recv_until(|frame| frame["_type"] == "kv").await;
    answer["result"][0].clone()
}

fn fill(key: &str, size: usize) -> Value {
    json!({"op": "fill", "key": key, "size": size})
}

fn bytes(server: &TestServer) -> i64 {
    database::value(
        &server.database(),
        "SELECT coalesce(sum(length(CAST(bucket || key AS BLOB)) + length(value)), 0) \
         FROM hookcast_kv",
    )
}

#[tokio::test]
async fn values_keys_and_all_of_them_have_limits() {
    let mut server = setup().start().await;
    let mut client = client(&server).await;
    assert_eq!(code(&mut client, fill("a", 1_025)).await, "limit");
    let refused = json!({"_type": "kv", "do": [fill("a", 1_025)]});
    let error = client.refused(refused).await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("limits.kv_value"),
        "{error}"
    );
    // A bucket's name and a key of 1 byte make 5 bytes beside the value.
    for key in ["a", "b", "c"] {
        assert_eq!(
            code(&mut client, fill(key, 1_024)).await,
            Value::Null,
            "{key}"
        );
    }
    assert_eq!(code(&mut client, fill("d", 1_005)).await, "limit");
    assert_eq!(
        code(&mut client, json!({"op": "add", "key": "e", "delta": 1})).await,
        Value::Null
    );
    let limit = json!({"_type": "kv", "do": [fill("d", 1_024)]});
    let error = client.refused(limit).await;
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("limits.kv_total"),
        "{error}"
    );
    // What is overwritten or removed makes room, also in the same message.
    assert_eq!(code(&mut client, fill("a", 1_024)).await, Value::Null);
    let exchange = json!([{"op": "delete", "key": "b"}, fill("d", 1_000)]);
    client.acked(json!({"_type": "kv", "do": exchange})).await;
    server.restart().await;
    let mut client = self::client(&server).await;
    assert_eq!(
        code(&mut client, fill("f", 1_024)).await,
        "limit",
        "after a restart as well"
    );
    assert_eq!(code(&mut client, fill("f", 100)).await, Value::Null);
    for (key, refused) in [
        ("x".repeat(1_024), "limit"),
        ("x".repeat(1_025), "invalid"),
        (String::new(), "invalid"),
    ] {
        assert_eq!(
            code(&mut client, fill(&key, 0)).await,
            refused,
            "{} bytes",
            key.len()
        );
    }
    let bucket = json!({"op": "get", "key": "k", "bucket": "x".repeat(257)});
    assert_eq!(code(&mut client, bucket).await, "invalid");
    let bucket = json!({"op": "get", "key": "k", "bucket": "x".repeat(256)});
    assert_eq!(code(&mut client, bucket).await, Value::Null);
}

#[tokio::test]
async fn the_limit_holds_for_those_who_do_not_know_of_one_another() {
    let server = setup().start().await;
    let mut client = client(&server).await;
    for n in 0..20 {
        let id = format!("m{n}");
        let message = json!({"_type": "kv", "do": [fill(&id, 1_000)], "_msg_id": id});
        client.send(message).await;
    }
    let mut stored = 0;
    for n in 0..20 {
        let answer = client.answer_to(&format!("m{n}")).await;
        match answer["_error"]["code"].as_str() {
            None => stored += 1,
            // At the call, or at the commit.
            Some(code) => assert!(["limit", "plugin_failed"].contains(&code), "{answer}"),
        }
    }
    assert_eq!(stored, 4);
    assert!(bytes(&server) <= 4_096);
}

#[tokio::test]
async fn what_has_expired_makes_room_at_once() {
    let server = setup().start().await;
    let mut client = client(&server).await;
    let value = "x".repeat(1_000);
    let brief =
        |key: u32| json!({"op": "set_for", "key": key.to_string(), "value": value, "ms": 200});
    let all: Vec<_> = (0..4).map(brief).collect();
    // Another client's, so that its answer is not taken for one below.
    let mut other = self::client(&server).await;
    other.acked(json!({"_type": "kv", "do": all})).await;
    for key in ["new", "a", "b", "c"] {
        let what = format!("room for `{key}`");
        let fits = async || {
            code(&mut client, fill(key, 1_000))
                .await
                .is_null()
                .then_some(())
        };
        eventually(&what, fits).await;
    }
    assert_eq!(bytes(&server), 4_000 + 4 * 4 + 6);
}

#[tokio::test]
async fn each_plugin_has_keys_of_its_own_on_each_endpoint() {
    let server = setup().start().await;
    let mut first = client(&server).await;
    let mut second = server.connect("/second?body=-").await;
    let set = |value: &str| json!({"op": "set", "key": "k", "value": value});
    assert_eq!(code(&mut first, set("first")).await, Value::Null);
    assert_eq!(get(&mut second, "k").await, Value::Null);
    assert_eq!(code(&mut second, set("second")).await, Value::Null);
    // Another plugin in the place of the first.
    let exchanged = CONFIG.replacen("plugins = [\"counter\"]", "plugins = [\"other\"]", 1);
    server.write_config(&exchanged);
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(get(&mut first, "k").await, Value::Null);
    assert_eq!(code(&mut first, set("other")).await, Value::Null);
    // The other one has the usual limits.
    assert_eq!(code(&mut first, fill("large", 100_000)).await, Value::Null);
    server.write_config(CONFIG);
    server.api("POST", "/api/reload").await.ok();
    assert_eq!(get(&mut first, "k").await, "first");
    assert_eq!(get(&mut second, "k").await, "second");
}

#[tokio::test]
async fn ephemeral_endpoints_have_no_keys() {
    let server = setup().start().await;
    let mut client = server.connect("/brief").await;
    for operation in [
        json!({"op": "get", "key": "k"}),
        json!({"op": "keys"}),
        fill("k", 1),
        json!({"op": "add", "key": "k", "delta": 1}),
    ] {
        let error = client
            .refused(json!({"_type": "kv", "do": [operation]}))
            .await;
        assert_eq!(error["code"], "unavailable", "{error}");
        assert!(
            error["message"].as_str().unwrap().contains("ephemeral"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn without_the_grant_a_plugin_that_wants_keys_is_refused_by_name() {
    let config = CONFIG.replace("grants = [\"kv\"]", "grants = [\"rows:read\"]");
    let server = Setup::new(&config)
        .guest("counter")
        .guest_as("counter", "other")
        .prepare();
    let output = server.command().output().expect("the server's output");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for word in [
        "wasi:keyvalue/store@0.2.0-draft",
        "wasi:keyvalue/atomics",
        "wasi:keyvalue/batch",
        "hookcast:plugin/kv",
        "add \"kv\" to `grants` of [plugins.counter]",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_and_going_is_counted_exactly() {
    const VISITORS: usize = 12;
    let server = setup().start().await;
    let path = "/chat?body=-&_at_connect=came&_at_open=stayed&_at_close=went";
    let visitors = join_all((0..VISITORS).map(|_| server.connect(path))).await;
    let mut watcher = client(&server).await;
    let all = VISITORS.to_string();
    for key in ["came", "stayed"] {
        let what = format!("{VISITORS} under `{key}`");
        eventually(&what, async || {
            (get(&mut watcher, key).await == all).then_some(())
        })
        .await;
    }
    join_all(visitors.into_iter().map(TestClient::close)).await;
    let what = "all to be gone";
    eventually(what, async || {
        (get(&mut watcher, "went").await == all).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_takes_nobody_even_if_all_come_at_once() {
    let server = setup().start().await;
    let url = server.url("/chat?body=-&_at_connect=came&_most=5");
    let arrivals = join_all((0..15).map(|_| TestClient::connect(&url, &[]))).await;
    let mut inside = 0;
    for arrival in arrivals {
        match arrival {
            Err((status, _)) => assert_eq!(status, 429),
            // Who was let in on an old count is told so and sent away.
            Ok(mut client) => {
                client.send(json!({"_type": "kv", "do": []})).await;
                match client.recv().await {
                    answer if answer["_type"] == "kv" => inside += 1,
                    refusal => {
                        assert_eq!(refusal["_error"]["code"], "rejected", "{refusal}");
                        assert_eq!(client.closed().await.0, 4403);
                    }
                }
            }
        }
    }
    assert_eq!(inside, 5);
    assert_eq!(get(&mut client(&server).await, "came").await, "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_there_if_and_only_if_its_message_is() {
    let config = CONFIG.replace("kv_total = \"4 KiB\"", "kv_total = \"4 MiB\"");
    let mut server = Setup::new(&config)
        .guest("counter")
        .guest_as("counter", "other")
        .start()
        .await;
    let mut next = 0;
    let mut acked = BTreeSet::new();
    for _ in 0..5 {
        let mut client = client(&server).await;
        let first = next;
        for _ in 0..60 {
            let body = format!("m{next}");
            next += 1;
            let prepare = json!([
                {"op": "set", "key": body, "value": "x"},
                {"op": "add", "key": "count", "delta": 1},
            ]);
            let message = json!({"body": body, "prepare": prepare, "_msg_id": body});
            client.send(message).await;
        }
        // The server is gone somewhere between the first acknowledgement and the last.
        let until = first + rand::rng().random_range(1..50);
        for n in first..until {
            let id = format!("m{n}");
            let answer = client.answer_to(&id).await;
            assert!(answer["_ack"].is_object(), "{answer}");
            acked.insert(id);
        }
        server.kill();
        let database = server.database();
        let rows = texts(&database, "SELECT body FROM chat");
        let keys = texts(
            &database,
            "SELECT key FROM hookcast_kv WHERE key <> 'count'",
        );
        assert_eq!(rows, keys);
        assert!(acked.is_subset(&keys), "what was acknowledged is there");
        let count: String = database::value(
            &database,
            "SELECT CAST(value AS TEXT) FROM hookcast_kv WHERE key = 'count'",
        );
        assert_eq!(count, rows.len().to_string());
        drop(database);
        server.start().await;
        let mut client = self::client(&server).await;
        assert_eq!(get(&mut client, "count").await, count, "as served");
    }
}

fn texts(database: &rusqlite::Connection, sql: &str) -> BTreeSet<String> {
    let mut statement = database.prepare(sql).expect("the statement");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}
