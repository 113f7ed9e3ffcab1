//! A candidate is compared with what serves, over the log and beside live traffic, and
//! nobody but the operator sees anything of it.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, database, eventually, guests};

const CONFIG: &str = r#"
    [plugins.versioned]
    grants = ["rows:read", "rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.do = "TEXT"
    plugins = ["versioned"]
"#;

async fn server(current: &str) -> TestServer {
    Setup::new(CONFIG)
        .guest_as(current, "versioned")
        .start()
        .await
}

async fn tried(server: &TestServer, query: &str, candidate: &str) -> Value {
    let path = format!("/api/plugins/versioned/try{query}");
    let bytes = guests::bytes(candidate);
    server.api_with("POST", &path, bytes).await.ok()
}

/// Everything that a comparison must leave as it is.
async fn state(server: &TestServer) -> (Value, usize, i64) {
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    let log = database::log(&server.database(), "chat");
    (
        json!([
            shown["generation"],
            shown["digest"],
            shown["figures"],
            shown["failure"]
        ]),
        log.len(),
        rows,
    )
}

#[tokio::test]
async fn a_candidate_is_compared_over_logged_messages() {
    let server = server("versioned-a").await;
    let mut client = server.subscribe("/chat").await;
    for n in 0..5 {
        client.acked(json!({"body": format!("message {n}")})).await;
        client.recv().await;
    }
    let before = state(&server).await;
    let same = tried(&server, "", "versioned-a").await;
    assert_eq!(
        (&same["compared"], &same["same"], &same["different"]),
        (&json!(5), &json!(5), &json!(0)),
        "{same}"
    );
    let other = tried(&server, "?last=3", "versioned-b").await;
    assert_eq!(
        (&other["compared"], &other["same"]),
        (&json!(3), &json!(0)),
        "{other}"
    );
    assert_eq!(other["kinds"], json!({"output": 3}));
    assert_eq!(other["candidate"]["version"], "0.2.0");
    assert_eq!(other["changed"]["file_changed"], true);
    let first = &other["differences"][0];
    assert_eq!(
        first["message"]["body"], "message 2",
        "the last three: {first}"
    );
    let sent = |who: &str| first[who]["output"]["sent"].clone();
    assert_eq!(
        (&sent("current")["p"], &sent("current")["m"]),
        (&json!("a"), &json!("a"))
    );
    assert_eq!(
        (&sent("candidate")["p"], &sent("candidate")["m"]),
        (&json!("b"), &json!("b"))
    );
    let hooks: Vec<_> = other["hooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hook| &hook["hook"])
        .collect();
    assert_eq!(hooks, [&json!("prepare"), &json!("modify")]);
    for who in ["current", "candidate"] {
        assert_eq!(other["hooks"][0][who]["calls"], 3, "{other}");
        assert!(other["hooks"][0][who]["median_us"].as_f64() > Some(0.0));
    }
    assert_eq!(state(&server).await, before, "nothing else has changed");
    client.acked(json!({"body": "after"})).await;
    assert_eq!(
        client.recv().await["p"],
        "a",
        "nor does the candidate serve"
    );
}

#[tokio::test]
async fn what_a_candidate_wants_done_is_compared_and_not_done() {
    let server = server("versioned-a").await;
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "one"})).await;
    client.recv().await;
    let before = state(&server).await;
    let tried = tried(&server, "", "fickle").await;
    assert_eq!(tried["kinds"], json!({"output": 1}), "{tried}");
    let effects = &tried["differences"][0]["candidate"]["effects"];
    assert!(effects[0]["reply"]["_seen"].is_object(), "{effects}");
    assert_eq!(effects[1]["insert"]["body"], "from fickle");
    assert_eq!(state(&server).await, before, "no row and no entry");
    client.acked(json!({"body": "two"})).await;
    assert_eq!(
        client.recv().await["body"],
        "two",
        "no frame came before this one"
    );
}

#[tokio::test]
async fn rejections_and_failures_are_told_apart() {
    let server = server("versioned-a").await;
    let mut client = server.subscribe("/chat").await;
    for deed in ["trap", "loop", "reject", "none"] {
        let mut message = json!({"body": deed});
        if deed != "none" {
            message["do"] = deed.into();
        }
        client.acked(message).await;
        client.recv().await;
    }
    let tried = tried(&server, "?endpoint=chat", "misbehave").await;
    assert_eq!(
        tried["kinds"],
        json!({"candidate_fails": 2, "candidate_rejects": 1}),
        "{tried}"
    );
    let failed = tried["differences"][0]["candidate"]["failed"]
        .as_str()
        .unwrap();
    assert!(
        failed.contains("hook `prepare`") && failed.contains("trapped"),
        "{failed}"
    );
    let kept = server
        .api("GET", "/api/plugins/versioned/failures")
        .await
        .ok();
    assert_eq!(
        kept["failures"],
        json!([]),
        "a comparison's failures are not the plugin's"
    );
}

#[tokio::test]
async fn live_calls_are_mirrored_after_they_were_made() {
    let server = server("versioned-a").await;
    let mut client = server.subscribe("/chat").await;
    let comparison = tried(&server, "?live=6", "versioned-b");
    let traffic = async {
        // Until the comparison has begun, messages are the current generation's alone.
        for n in 0.. {
            client.acked(json!({"body": format!("live {n}")})).await;
            assert_eq!(client.recv().await["p"], "a");
            if n > 2_000 {
                break;
            }
        }
    };
    let tried = tokio::select! {
        tried = comparison => tried,
        () = traffic => panic!("the comparison did not end"),
    };
    assert_eq!(
        (&tried["compared"], &tried["cut"]),
        (&json!(6), &json!(false)),
        "{tried}"
    );
    assert_eq!(tried["kinds"], json!({"output": 6}));
    assert_eq!(tried["hooks"][0]["candidate"]["calls"], 3, "{tried}");
    assert_eq!(
        tried["differences"][0]["current"]["output"]["message"]["p"],
        "a"
    );
}

#[tokio::test]
async fn a_candidate_that_fails_every_call_hurts_nobody() {
    for guest in ["misbehave", "fickle"] {
        let server = server("versioned-a").await;
        let mut client = server.subscribe("/chat").await;
        // One traps in each call, the other runs to its deadline in each.
        let deed = if guest == "fickle" { "loop" } else { "trap" };
        let comparison = tried(&server, "?live=20&wait=30", guest);
        let traffic = async {
            for n in 0..2_000 {
                client
                    .acked(json!({"body": format!("live {n}"), "do": deed}))
                    .await;
                assert_eq!(client.recv().await["p"], "a");
            }
        };
        let tried = tokio::select! {
            tried = comparison => tried,
            () = traffic => panic!("the comparison did not end"),
        };
        let failed = tried["kinds"]["candidate_fails"].as_u64().unwrap();
        let dropped = tried["dropped"].as_u64().unwrap();
        let seen = tried["compared"].as_u64().unwrap() + dropped;
        assert!(failed > 0 && seen == 20, "{tried}");
        client.acked(json!({"body": "after"})).await;
        let shown = server.api("GET", "/api/plugins/versioned").await.ok();
        let errors: Vec<_> = shown["figures"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|figures| {
                figures["errors"]
                    .as_array()
                    .is_some_and(|errors| !errors.is_empty())
            })
            .collect();
        assert!(errors.is_empty(), "not counted: {errors:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_tried_is_refused_with_a_remedy() {
    let server = server("versioned-a").await;
    let refused = async |query: &str, status: u16, bytes: Vec<u8>| {
        let path = format!("/api/plugins/versioned/try{query}");
        server.api_with("POST", &path, bytes).await.refused(status)
    };
    assert_eq!(
        refused("?last=1&live=1", 400, Vec::new()).await.0,
        "bad_query"
    );
    assert_eq!(refused("?last=0", 400, Vec::new()).await.0, "bad_query");
    assert_eq!(refused("?last=10001", 400, Vec::new()).await.0, "bad_query");
    assert_eq!(refused("?wait=601", 400, Vec::new()).await.0, "bad_query");
    let (code, message) = refused("?endpoint=other", 400, Vec::new()).await;
    assert!(
        code == "which_endpoint" && message.contains("chat"),
        "{message}"
    );
    assert_eq!(
        refused("", 422, b"\0asm\x0d\0\x01\0garbage".to_vec())
            .await
            .0,
        "load_failed"
    );
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(
        shown["failure"],
        Value::Null,
        "a comparison's failure is only its caller's"
    );
    let (code, _) = server
        .api("POST", "/api/plugins/nobody/try")
        .await
        .refused(404);
    assert_eq!(code, "no_such_plugin");
    let same = server.api("POST", "/api/plugins/versioned/try").await.ok();
    assert_eq!(
        same["changed"]["file_changed"], false,
        "without a body it is the file"
    );
}

#[tokio::test]
async fn one_comparison_on_live_traffic_at_a_time_and_it_ends_with_its_request() {
    let server = server("versioned-a").await;
    let path = "/api/plugins/versioned/try?live=5&wait=1";
    let (one, other) = tokio::join!(server.api("POST", path), server.api("POST", path));
    let statuses = [one.status, other.status];
    assert!(statuses.contains(&200), "{statuses:?}");
    let ended = if one.status == 200 { one } else { other };
    let ended = ended.ok();
    assert_eq!(
        (&ended["compared"], &ended["cut"]),
        (&json!(0), &json!(true))
    );
    eventually("another comparison", async || {
        (server.api("POST", path).await.status == 200).then_some(())
    })
    .await;
}
