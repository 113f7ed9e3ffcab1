//! What is special to plugins in Python. The guest `trouble` does what the key `do` says.

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{Setup, TestServer, guests, require};

const CONFIG: &str = r#"
    [endpoints.shop]
    path = "/shop"
    columns.body = "TEXT"
    columns.room = "TEXT"
    plugins = ["trouble-py"]
    [plugins.trouble-py]
    config = { colour = "green" }
    limits = { component = "32 MiB", hook = "5s", wall = "10s", init = "10s" }
"#;

/// Held while a server starts: the first one compiles the guest, which takes seconds and
/// much memory, and the others find it in the cache.
static STARTING: Mutex<()> = Mutex::const_new(());

/// None where no Python built the guest: then `test` counts as skipped.
async fn server(test: &str) -> Option<TestServer> {
    let missing = guests::missing("trouble-py");
    if !require::or_skip(test, missing) {
        return None;
    }
    let _starting = STARTING.lock().await;
    Some(Setup::new(CONFIG).guest("trouble-py").start().await)
}

#[tokio::test]
async fn an_exception_is_logged_in_one_line_with_files_and_lines() {
    let test = "an_exception_is_logged_in_one_line_with_files_and_lines";
    let Some(server) = server(test).await else {
        return;
    };
    let mut client = server.subscribe("/shop").await;
    let source = include_str!("components/python/trouble.py");
    let line = |code: &str| 1 + source.lines().position(|line| line.contains(code)).unwrap();
    let (raised, called) = (line("raise ValueError"), line("return {\"share\""));

    let error = client.refused(json!({"body": "x", "do": "fail"})).await;
    assert_eq!(error["code"], "plugin_failed");
    assert!(!error.to_string().contains("share"), "{error}");
    let told = format!(
        "ValueError: nobody to share with (trouble.py:{raised} in share, called from \
         trouble.py:{called} in fail, called from trouble.py:"
    );
    let report = server
        .log
        .with(&["ERROR", "trouble-py", "1.2.3", "hook `prepare`", &told])
        .await;
    assert!(
        report.contains("; after ZeroDivisionError: division by zero (trouble.py:"),
        "what it came from: {report}"
    );

    for (deed, words) in [
        ("exit", "SystemExit: leaving (trouble.py:"),
        ("files", "FileNotFoundError: "),
        ("recurse", "RecursionError: "),
        (
            "set",
            "TypeError: Object of type set is not JSON serializable",
        ),
    ] {
        let error = client.refused(json!({"body": "x", "do": deed})).await;
        assert_eq!(error["code"], "plugin_failed", "{deed}");
        server.log.with(&["hook `prepare`", words]).await;
    }
    server.log.with(&["(in what `prepare` returned)"]).await;
    client.acked(json!({"body": "next"})).await;
    assert_eq!(client.recv().await["body"], "next", "and nothing before it");
}

#[tokio::test]
async fn rejections_have_their_details() {
    let Some(server) = server("rejections_have_their_details").await else {
        return;
    };
    let mut client = server.subscribe("/shop").await;
    let error = client.refused(json!({"body": "x", "do": "reject"})).await;
    let told = (&error["code"], &error["message"], &error["details"]);
    let expected = (&json!("no"), &json!("Not today."), &json!([1, {"a": null}]));
    assert_eq!(told, expected);
    let error = client
        .refused(json!({"body": "x", "do": "host", "connection": "nobody"}))
        .await;
    assert_eq!(
        (&error["code"], &error["details"]),
        (&json!("invalid"), &json!({"from": "host"})),
        "what the host refuses is a HostError: {error}"
    );
    client.acked(json!({"body": "x", "do": "calls"})).await;
    let event = client.recv().await;
    assert_eq!(
        event["calls"], 3,
        "neither is a failure: the instance serves on"
    );
}

#[tokio::test]
async fn logging_and_print_reach_the_log_with_their_level() {
    let test = "logging_and_print_reach_the_log_with_their_level";
    let Some(server) = server(test).await else {
        return;
    };
    let mut client = server.subscribe("/shop").await;
    client.acked(json!({"body": "x", "do": "log"})).await;
    server.log.with(&["WARN", "3 are left", "\"shop\""]).await;
    server.log.with(&["INFO", "plainly", "\"trouble\""]).await;
    server.log.with(&["INFO", "printed", "\"stdout\""]).await;
    let lines = server.log.lines();
    assert!(!lines.iter().any(|line| line.contains("below the level")));
}

#[tokio::test]
async fn clocks_and_random_numbers_are_the_hosts_and_there_is_no_network() {
    let test = "clocks_and_random_numbers_are_the_hosts_and_there_is_no_network";
    let Some(server) = server(test).await else {
        return;
    };
    let mut client = server.subscribe("/shop").await;
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let mut drawn = Vec::new();
    for _ in 0..2 {
        client.acked(json!({"body": "x", "do": "time"})).await;
        let event = client.recv().await;
        assert_eq!(event["day"], 31);
        assert!(event["time"].as_f64().unwrap() >= before.as_secs_f64());
        drawn.push(event["random"].as_f64().unwrap());
        // The next call is by a new instance.
        client.refused(json!({"body": "x", "do": "fail"})).await;
    }
    assert_ne!(drawn[0], drawn[1], "each instance has a seed of its own");
    let error = client.refused(json!({"body": "x", "do": "network"})).await;
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("no_network"), &json!("PermissionError"))
    );
}

#[tokio::test]
async fn host_functions_take_and_return_plain_values() {
    let Some(server) = server("host_functions_take_and_return_plain_values").await else {
        return;
    };
    let (status, body) = server.refused("/shop?refuse=451", &[]).await;
    assert_eq!(
        (status, body["detail"].as_str()),
        (451, Some("Refused on purpose."))
    );
    let mut client = server
        .connect("/shop?user=alice&room=b&room=a&body=-")
        .await;
    for (module, function, arguments, expected) in [
        ("config", "get", json!(["colour"]), json!("green")),
        ("config", "get", json!(["size"]), Value::Null),
        ("config", "get_all", json!([]), json!({"colour": "green"})),
        ("context", "groups", json!([]), json!(["a", "b"])),
        ("context", "session", json!([]), Value::Null),
        (
            "context",
            "user",
            json!([]),
            json!({"id": "alice", "name": "User alice"}),
        ),
        ("context", "header", json!(["upgrade"]), json!("websocket")),
        ("groups", "count", json!(["b"]), json!(1)),
    ] {
        let ask = json!({
            "_type": "ask", "module": module, "function": function, "arguments": arguments,
        });
        client.send(ask).await;
        let (_, answer) = client.recv_until(|frame| frame["_type"] == "ask").await;
        assert_eq!(answer["result"], expected, "{module}.{function}");
    }

    let mut listener = server.subscribe("/shop").await;
    client.acked(json!({"body": "one"})).await;
    let event = listener.recv().await;
    assert_eq!(
        (&event["row"]["body"], &event["row"]["user"], &event["old"]),
        (&json!("one"), &json!("alice"), &Value::Null)
    );
    client.close().await;
    assert_eq!(listener.recv().await["code"], 1005, "the hook close ran");
}

/// A default limit is the first thing that meets who builds a plugin in Python.
#[tokio::test]
async fn the_size_limit_says_which_line_raises_it() {
    let test = "the_size_limit_says_which_line_raises_it";
    if !require::or_skip(test, guests::missing("trouble-py")) {
        return;
    }
    let server = Setup::new("[endpoints.shop]\npath = \"/shop\"")
        .start()
        .await;
    let answer = server.put_plugin("shop", "trouble-py").await;
    let remedy = "add `component = \"32 MiB\"` to [plugins.shop.limits]";
    assert!(
        answer
            .body
            .to_string()
            .contains(&remedy.replace('"', "\\\"")),
        "{:?}",
        answer.body
    );
}
