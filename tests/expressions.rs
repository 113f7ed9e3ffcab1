//! Expressions of the config: `open` and `message_default`. The guest `relay` makes the
//! query key `user` the user.

use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, database};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    columns.length = "INTEGER"
    columns.mood = "TEXT"
    columns.tags = "TEXT"
    plugins = ["relay"]
    [endpoints.chat.message_default.POST]
    length = "size(msg.body)"
    mood = "'mood' in msg ? msg.mood : 'calm'"
    doubled = "msg.length * 2"
    from = "user == null ? 'nobody' : user.name"
    where = "endpoint + ' ' + method"
    room = "'room' in args ? args.room[0] : null"
    at = "now"
    no_session = "session == null"
    [endpoints.chat.message_default.PUT]
    edited = "true"
    [endpoints.chat.message_default.DELETE]
    by = "user == null ? null : user.id"

    [endpoints.inbox]
    path = "/inbox"
    columns.body = "TEXT"
    columns.recipient = "TEXT"
    columns.n = "INTEGER"
    plugins = ["relay"]
    # The query key that says who one is must not be a filter here.
    open = { recipient = "[user.id]", user = "['sender']" }

    [endpoints.rooms]
    path = "/rooms"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    columns.done = "BOOLEAN"
    open = { n = "args._room.map(room, int(room) * 10)", done = "[false, 1 > 2]" }

    [endpoints.wrong]
    path = "/wrong"
    columns.n = "INTEGER"
    open = { n = "'n' in args ? args.n[0] : [[1]]" }

    [endpoints.lists]
    path = "/lists"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    open = { n = "args.?_rooms.orValue([])" }

    [endpoints.numbers]
    path = "/numbers"
    columns.n = "INTEGER"
    open = { n = "args._n" }

    [endpoints.named]
    path = "/named"
    columns.body = "TEXT"
    message_default.POST = { id = "msg.slug" }

    [endpoints.mailbox]
    path = "/mailbox"
    columns.body = "TEXT"
    columns.n = "INTEGER"
    plugins = ["relay", "doorkeeper"]
    open = { n = "[1]" }
    message_default.POST = { mood = "'from the config'" }

    [plugins.relay]
    grants = ["publish:named", "rows:read"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest("relay")
        .guest("doorkeeper")
        .start()
        .await
}

#[tokio::test]
async fn defaults_overwrite_build_on_each_other_and_know_who_and_where() {
    let server = server().await;
    let mut client = server.connect("/chat?user=alice&_room=1").await;
    client
        .acked(json!({"length": 99, "body": "Grüße", "mood": "gay", "user": "spoof"}))
        .await;
    let seen = client.recv().await;
    let keys: Vec<_> = seen
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "length",
            "body",
            "mood",
            "user",
            "_method",
            "id",
            "timestamp",
            "doubled",
            "from",
            "where",
            "room",
            "at",
            "no_session"
        ],
        "those that replace stay in their place, new ones follow in the config's order"
    );
    assert_eq!(
        seen["length"], 5,
        "characters, not bytes; the client's is overwritten"
    );
    assert_eq!(seen["doubled"], 10);
    assert_eq!(seen["mood"], "gay");
    assert_eq!(
        (&seen["user"], &seen["from"]),
        (&json!("alice"), &json!("User alice"))
    );
    assert_eq!(seen["where"], "chat POST");
    assert_eq!(seen["room"], Value::Null);
    assert_eq!(seen["at"], seen["timestamp"], "the time of the message");
    assert_eq!(seen["no_session"], true);
    let stored: (i64, String) = server
        .database()
        .query_row("SELECT length, mood FROM chat", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(stored, (5, "gay".to_owned()));

    let mut nobody = server.subscribe("/chat").await;
    nobody.acked(json!({"body": ""})).await;
    let seen = nobody.recv().await;
    assert_eq!(
        (&seen["length"], &seen["mood"]),
        (&json!(0), &json!("calm"))
    );
    assert_eq!(seen["from"], "nobody");
}

#[tokio::test]
async fn put_and_delete_have_defaults_of_their_own() {
    let server = server().await;
    let mut client = server.connect("/chat?user=alice").await;
    client.acked(json!({"body": "one"})).await;
    let id = client.recv().await["id"].clone();
    client
        .acked(json!({"_method": "PUT", "id": id, "mood": "x"}))
        .await;
    let expected = json!({"_method": "PUT", "id": id, "mood": "x", "edited": true});
    assert_eq!(client.recv().await, expected);
    client.acked(json!({"_method": "DELETE", "id": id})).await;
    let expected = json!({"_method": "DELETE", "id": id, "by": "alice"});
    assert_eq!(client.recv().await, expected);
}

#[tokio::test]
async fn a_default_without_a_value_refuses_the_message_and_says_which_it_was() {
    let server = server().await;
    let mut client = server.connect("/chat").await;
    for message in [
        json!({"mood": "x"}),
        json!({"body": null}),
        json!({"body": 5}),
    ] {
        let error = client.refused(message.clone()).await;
        assert_eq!(error["code"], "expression_failed", "{message}");
        assert_eq!(
            error["details"],
            json!({"default": "message_default.POST.length"})
        );
        let sentence = error["message"].as_str().unwrap();
        assert!(
            sentence.contains("`message_default.POST.length`"),
            "{sentence}"
        );
    }
    let error = client.refused(json!({})).await;
    let sentence = error["message"].as_str().unwrap();
    assert!(sentence.ends_with("there is no `body`"), "{sentence}");
    client.acked(json!({"body": "one"})).await;
    assert_eq!(
        client.recv().await["body"],
        "one",
        "the first that anyone sees"
    );
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM chat");
    let events: i64 = database::value(&server.database(), "SELECT count(*) FROM hookcast_log");
    assert_eq!((rows, events), (1, 1));
}

#[tokio::test]
async fn a_config_may_choose_the_ids_of_new_rows() {
    let server = server().await;
    let mut client = server.connect("/named").await;
    client.acked(json!({"body": "one", "slug": "first"})).await;
    assert_eq!(client.recv().await["id"], "first");
    let again = client
        .refused_with(json!({"body": "two", "slug": "first"}))
        .await;
    assert_eq!(again, "constraint");
    for slug in [json!(""), json!(5), json!(null)] {
        let code = client.refused_with(json!({"slug": slug})).await;
        assert_eq!(code, "expression_failed", "{slug}");
    }
    client
        .acked(json!({"_method": "PUT", "id": "first", "body": "changed"}))
        .await;
}

#[tokio::test]
async fn what_plugins_publish_gets_the_defaults_of_where_it_goes() {
    let server = server().await;
    let mut named = server.subscribe("/named").await;
    let mut client = server.connect("/chat").await;
    let publish =
        |message: Value| json!({"_type": "publish", "endpoint": "named", "message": message});
    client.acked(publish(json!({"slug": "published"}))).await;
    assert_eq!(named.recv().await["id"], "published");
    // Without what the default needs, nothing of the message takes place.
    assert_eq!(
        client.refused_with(publish(json!({}))).await,
        "expression_failed"
    );
}

/// Bodies of history, for a subscription that asks for this.
async fn bodies(server: &TestServer, address: &str) -> Vec<String> {
    let (rows, _) = server.connect(address).await.history().await;
    let body = |row: &Value| row["body"].as_str().unwrap_or_default().to_owned();
    rows.iter().map(body).collect()
}

#[tokio::test]
async fn open_replaces_what_the_client_asked_for() {
    let server = server().await;
    let mut sender = server.connect("/inbox?user=sender").await;
    // Whatever she asks for, she gets what is hers.
    let address = "/inbox?user=alice&recipient=bob&recipient=carol";
    let mut alice = server.subscribe(address).await;
    for (body, recipient) in [
        ("for bob", Some("bob")),
        ("for alice", Some("alice")),
        ("for none", None),
    ] {
        sender
            .acked(json!({"body": body, "recipient": recipient}))
            .await;
    }
    assert_eq!(alice.recv().await["body"], "for alice");
    assert_eq!(
        bodies(&server, &format!("{address}&_after=")).await,
        ["for alice"]
    );
    // Keys that are not set stay the client's own.
    let narrower = server
        .connect(&format!("{address}&n=1&_after="))
        .await
        .history()
        .await;
    assert_eq!(narrower.0, Vec::<Value>::new());
    alice.send(json!({"_type": "args"})).await;
    let args = alice.recv_until(|frame| frame["_type"] == "args").await.1["result"].take();
    let expected = json!({"user": ["sender"], "recipient": ["alice"], "_after": [""]});
    assert_eq!(args, expected, "what plugins see is what is in force");
}

#[tokio::test]
async fn open_gives_lists_of_texts_numbers_and_booleans() {
    let server = server().await;
    let mut sender = server.connect("/rooms?_room=0").await;
    for (n, done) in [
        (10, Some(false)),
        (20, Some(false)),
        (20, Some(true)),
        (30, None),
    ] {
        let body = format!("{n} {done:?}");
        sender
            .acked(json!({"body": body, "n": n, "done": done}))
            .await;
    }
    let seen = bodies(&server, "/rooms?_room=1&_room=2&_after=").await;
    assert_eq!(seen, ["10 Some(false)", "20 Some(false)"]);
}

/// The address, and what the refused subscription is told.
async fn refused(server: &TestServer, address: &str) -> (Value, u16) {
    let mut client: TestClient = server.connect(address).await;
    let error = client.recv().await["_error"].take();
    (error, client.closed().await.0)
}

#[tokio::test]
async fn an_open_without_a_list_refuses_the_subscription() {
    let server = server().await;
    for (address, key, why) in [
        // Nobody is signed in: there is nobody whose messages could be shown.
        ("/inbox", "open.recipient", "null has no keys"),
        ("/wrong?n=1", "open.n", "\"1\": a query key takes a list"),
        ("/wrong", "open.n", "[1] can't be a query key's value"),
    ] {
        let (error, close) = refused(&server, address).await;
        assert_eq!(error["code"], "expression_failed", "{address}");
        assert_eq!(error["details"], json!({"open": key}), "{address}");
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.contains(&format!("`{key}`")), "{sentence}");
        assert!(sentence.contains(why), "{sentence}");
        assert_eq!(close, 4403, "coming back changes nothing");
    }
    // A list of what the column can't hold is a filter that can't be read.
    let (error, close) = refused(&server, "/numbers?_n=many").await;
    assert_eq!((error["code"].as_str(), close), (Some("bad_filter"), 4400));
    server
        .log
        .with(&["open.recipient", "a subscription is refused"])
        .await;
}

/// Nothing has been sent to it so far.
async fn assert_silent(client: &mut TestClient) {
    client.send(json!({"_method": "MARK"})).await;
    let next = client.recv().await;
    assert_eq!(next["_error"]["code"], "unknown_method", "{next}");
}

#[tokio::test]
async fn a_list_that_is_empty_shows_nothing() {
    let server = server().await;
    let mut sender = server.connect("/rooms?_room=0").await;
    sender
        .acked(json!({"body": "one", "n": 10, "done": false}))
        .await;
    // No one has ever been in these rooms, and no row is anybody's.
    let mut nothing = server.subscribe("/rooms?_room=7").await;
    sender
        .acked(json!({"body": "two", "n": 10, "done": false}))
        .await;
    assert_silent(&mut nothing).await;
    let mut nowhere = server.subscribe("/lists").await;
    let mut sender = server.connect("/lists?_rooms=1").await;
    sender.acked(json!({"body": "one", "n": 1})).await;
    sender.acked(json!({"body": "two"})).await;
    assert_eq!(sender.recv().await["body"], "one");
    assert_silent(&mut nowhere).await;
    assert_eq!(
        bodies(&server, "/lists?_after=").await,
        Vec::<String>::new()
    );
    assert_eq!(bodies(&server, "/lists?_rooms=1&_after=").await, ["one"]);
}

/// Config, then plugins: these see what the config has set, and have the last word.
#[tokio::test]
async fn plugins_come_after_the_config() {
    let server = server().await;
    let mut client = server.subscribe("/mailbox").await;
    client.send(json!({"_type": "args"})).await;
    let args = client.recv().await["result"].take();
    assert_eq!(args, json!({"_after": [""], "n": ["1"]}));
    let mut sender = server.connect("/mailbox").await;
    sender
        .acked(json!({"body": "one", "n": 7, "mood": "the client's"}))
        .await;
    let seen = client.recv().await;
    assert_eq!(
        seen["mood"], "from the config",
        "which the plugin was shown"
    );
    assert_eq!(seen["n"], 1, "the plugin's");
}

#[tokio::test]
async fn a_reload_exchanges_expressions() {
    let server = server().await;
    let mut client = server.connect("/named").await;
    client.acked(json!({"slug": "first"})).await;
    server.write_config(&CONFIG.replace("msg.slug", "'the-' + msg.slug"));
    server.api("POST", "/api/reload").await.ok();
    client.acked(json!({"slug": "first"})).await;
    client.recv().await;
    assert_eq!(client.recv().await["id"], "the-first");
    // One that does not compile changes nothing.
    server.write_config(&CONFIG.replace("msg.slug", "msg."));
    let answer = server.api("POST", "/api/reload").await;
    assert_eq!(answer.status, 422);
    client.acked(json!({"slug": "second"})).await;
    assert_eq!(client.recv().await["id"], "the-second");
}
