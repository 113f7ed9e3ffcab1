//! The examples of Gramex's documentation of MessageHandler, in its order: above each test
//! what the page says, in the test what a reader expects of it. What is Python there is an
//! expression of the config here, or a plugin in JavaScript.

use rusqlite::params;
use serde_json::{Value, json};

use crate::support::{Setup, TestClient, TestServer, eventually};

mod alert;
mod hooks;

/// Signs in whom the header names; pages have a cookie.
const DOOR: &str = "
    export function connect() {
        const id = context.headers()['x-user'];
        return id ? { user: { id } } : null;
    }";

/// A server with one endpoint, `/messages`, that has these lines.
fn setup(lines: &str) -> Setup {
    Setup::new(&format!(
        "[endpoints.messages]\npath = '/messages'\n{lines}"
    ))
    .script("door.js", DOOR)
}

/// A page that this user has open.
async fn page(server: &TestServer, user: &str, query: &str) -> TestClient {
    let url = server.url(&format!("/messages?{query}&_after="));
    let connected = TestClient::connect(&url, &[("x-user", user)]).await;
    connected.unwrap_or_else(|refused| panic!("{url}: {refused:?}"))
}

/// The `key` of each row that the page is sent when it opens.
async fn past(page: &mut TestClient, key: &str) -> Vec<Value> {
    let (rows, _) = page.history().await;
    rows.into_iter().map(|mut row| row[key].take()).collect()
}

/// What the page has been sent since, without positions.
async fn heard(page: &mut TestClient) -> Vec<Value> {
    page.send(json!({"_method": "MARK"})).await;
    let refused = |frame: &Value| frame["_error"]["code"] == "unknown_method";
    let (mut frames, _) = page.recv_until(refused).await;
    for frame in &mut frames {
        frame.as_object_mut().unwrap().shift_remove("_position");
    }
    frames
}

/// The `key` of what the page has been sent since.
async fn heard_of(page: &mut TestClient, key: &str) -> Vec<Value> {
    let frames = heard(page).await;
    frames
        .into_iter()
        .map(|mut frame| frame[key].take())
        .collect()
}

/// ```yaml
/// url: sqlite:///$YAMLPATH/messages.db
/// table: simple
/// columns:
///   body: TEXT
/// ```
///
/// "This will insert a message into the `simple` table with these columns: id, user,
/// timestamp, body." "`id`, `user`, `timestamp` are always present." "It also broadcasts the
/// messages to all clients." "When opened, the websocket sends all past messages."
#[tokio::test]
async fn a_message_is_inserted_and_broadcast_and_sent_to_whoever_comes_later() {
    let server = setup("table = 'simple'\ncolumns.body = 'TEXT'\nplugins = ['door']");
    let server = server.start().await;
    let mut sender = page(&server, "user@example.org", "").await;
    let mut other = page(&server, "", "").await;
    assert_eq!(past(&mut other, "body").await, [] as [Value; 0]);
    sender.history().await;
    sender
        .acked(json!({"_method": "POST", "body": "Hello"}))
        .await;
    let row =
        server
            .database()
            .query_row("SELECT id, user, timestamp, body FROM simple", [], |row| {
                Ok(json!({
                    "body": row.get::<_, String>(3)?,
                    "id": row.get::<_, String>(0)?,
                    "user": row.get::<_, String>(1)?,
                    "timestamp": row.get::<_, String>(2)?,
                }))
            });
    let row = row.expect("one row");
    assert_eq!(
        (&row["user"], &row["body"]),
        (&json!("user@example.org"), &json!("Hello"))
    );
    let mut told = row.clone();
    told["_method"] = "POST".into();
    for page in [&mut sender, &mut other] {
        assert_eq!(heard(page).await, [told.clone()]);
    }
    let mut later = page(&server, "", "").await;
    assert_eq!(later.history().await.0, [row]);
}

/// - "`?topic=Help` will only receive messages with a topic "Help""
/// - "`?timestamp>=2023-03-01` will only receive messages after 1 Mar 2023"
/// - "`?user=user@example.org` will only receive messages created by user@example.org"
/// - "`?topic=Help&timestamp>=2023` will only receive messages with a topic "Help" and
///   created in 2023"
///
/// "These are only applied when receiving, not sending."
#[tokio::test]
async fn filters_choose_what_is_received() {
    let lines = "columns.body = 'TEXT'\ncolumns.topic = 'TEXT'\nplugins = ['door']";
    let server = setup(lines).start().await;
    for (body, topic, user, time) in [
        ("1", "Help", "user@example.org", "2022-12-31T23:59:59"),
        ("2", "Help", "other@example.org", "2023-02-01T00:00:00"),
        ("3", "Sales", "user@example.org", "2023-02-28T12:00:00"),
        ("4", "Help", "other@example.org", "2023-03-01T00:00:01"),
    ] {
        let sql = "INSERT INTO messages (id, body, topic, user, timestamp) VALUES (?, ?, ?, ?, ?)";
        let inserted = server
            .database()
            .execute(sql, params![body, body, topic, user, time]);
        inserted.expect("a row of another time");
    }
    let mut pages = Vec::new();
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("topic=Help", &["1", "2", "4"], &["5"]),
        ("timestamp>=2023-03-01", &["4"], &["5", "6"]),
        ("user=user@example.org", &["1", "3"], &["6"]),
        ("topic=Help&timestamp>=2023", &["2", "4"], &["5"]),
    ];
    for (query, expected, _) in &cases {
        let mut page = page(&server, "user@example.org", query).await;
        assert_eq!(past(&mut page, "body").await, *expected, "{query}");
        pages.push(page);
    }
    // The page that hears of Help only sends elsewhere, too.
    let mut other = page(&server, "other@example.org", "topic=Help").await;
    other.acked(json!({"body": "5", "topic": "Help"})).await;
    pages[0].acked(json!({"body": "6", "topic": "Sales"})).await;
    for ((query, _, expected), page) in cases.iter().zip(&mut pages) {
        assert_eq!(heard_of(page, "body").await, *expected, "{query}");
    }
}

/// "To log the user who opened the websocket":
///
/// ```yaml
/// open: logging.info('MessageHandler opened by %s', handler_current_user)
/// ```
#[tokio::test]
async fn open_logs_the_user() {
    let script = "export function open() {
        console.info(`MessageHandler opened by ${context.user()?.id ?? 'nobody'}`);
    }";
    let lines = "columns.body = 'TEXT'\nplugins = ['door', 'log']";
    let server = setup(lines).script("log.js", script).start().await;
    page(&server, "user@example.org", "").await.history().await;
    page(&server, "", "").await.history().await;
    let said = eventually("two lines of the plugin", async || {
        let answer = server.api("GET", "/api/plugins/log/logs").await.ok();
        let lines = answer["lines"].as_array().expect("lines").clone();
        (lines.len() == 2).then_some(lines)
    })
    .await;
    let said: Vec<_> = said.iter().map(|line| &line["message"]).collect();
    let expected =
        ["user@example.org", "nobody"].map(|user| format!("MessageHandler opened by {user}"));
    assert_eq!(said, expected.each_ref());
}

/// "To ensure the websocket only receives messages where a `recipient` column has the user
/// ID":
///
/// ```yaml
/// open: args.update(recipient=[handler.current_user.id])
/// ```
#[tokio::test]
async fn open_sets_the_recipient() {
    let server = setup(
        "columns.body = 'TEXT'
        columns.recipient = 'TEXT'
        open = { recipient = '[user.id]' }
        plugins = ['door']",
    );
    let server = server.start().await;
    let mut alice = page(&server, "alice", "").await;
    // Whatever he asks for.
    let mut bob = page(&server, "bob", "recipient=alice").await;
    for page in [&mut alice, &mut bob] {
        page.history().await;
    }
    for (body, recipient) in [
        ("1", json!("alice")),
        ("2", json!("bob")),
        ("3", Value::Null),
    ] {
        let message = json!({"body": body, "recipient": recipient});
        alice.acked(message).await;
    }
    assert_eq!(heard_of(&mut alice, "body").await, ["1"]);
    assert_eq!(heard_of(&mut bob, "body").await, ["2"]);
    let mut again = page(&server, "bob", "").await;
    assert_eq!(past(&mut again, "body").await, ["2"]);
}

/// "To ensure the websocket only receives messages processed after 2023 Apr":
///
/// ```yaml
/// open: >
///   args.update({"timestamp>~": ["2023-04"]})
/// ```
#[tokio::test]
async fn open_sets_since_when() {
    let lines =
        "columns.body = 'TEXT'\nopen = { 'timestamp>~' = \"['2023-04']\" }\nplugins = ['door']";
    let server = setup(lines).start().await;
    for (body, time) in [
        ("march", "2023-03-31T23:59:59.999999"),
        ("april", "2023-04-01T00:00:00.000000"),
    ] {
        let sql = "INSERT INTO messages (id, body, timestamp) VALUES (?, ?, ?)";
        let inserted = server.database().execute(sql, params![body, body, time]);
        inserted.expect("a row of another time");
    }
    let mut client = page(&server, "", "timestamp>~=2020").await;
    assert_eq!(past(&mut client, "body").await, ["april"]);
    client.acked(json!({"body": "now"})).await;
    assert_eq!(heard_of(&mut client, "body").await, ["now"]);
}

/// ```yaml
/// message_default:
///   POST:
///     to: f'all@example.org'
///     length: msg['message'].length
///   PUT:
///     length: msg['message'].length
/// ```
///
/// "By default, message defaults are set for POST for `id`, `user`, `timestamp`."
#[tokio::test]
async fn defaults_are_filled_in_by_method() {
    let server = setup(
        "columns.message = 'TEXT'
        columns.to = 'TEXT'
        columns.length = 'INTEGER'
        message_default.POST = { to = \"'all@example.org'\", length = 'size(msg.message)' }
        message_default.PUT = { length = 'size(msg.message)' }
        plugins = ['door']",
    );
    let server = server.start().await;
    let mut client = page(&server, "user@example.org", "").await;
    client.history().await;
    // "It updates the message": what the client sends under these keys does not count.
    let message = json!({"message": "Hello", "length": 99, "to": "me", "id": "x", "user": "y"});
    client.acked(message).await;
    let posted = heard(&mut client).await.remove(0);
    let fields = |message: &Value| ["message", "to", "length"].map(|key| message[key].clone());
    let expected = [json!("Hello"), json!("all@example.org"), json!(5)];
    assert_eq!(fields(&posted), expected);
    assert_eq!(posted["user"], "user@example.org");
    let id = posted["id"].as_str().expect("a text");
    assert_eq!(id.len(), 22, "16 bytes in base 64: {id}");
    let time = posted["timestamp"].as_str().expect("a text");
    assert_eq!(time.len(), "2023-01-02T03:04:05.678901".len(), "{time}");

    client
        .acked(json!({"_method": "PUT", "id": id, "message": "Hi"}))
        .await;
    assert_eq!(
        heard(&mut client).await,
        [json!({"_method": "PUT", "id": id, "message": "Hi", "length": 2})]
    );
    let mut later = page(&server, "", "").await;
    let row = later.history().await.0.remove(0);
    let expected = [json!("Hi"), json!("all@example.org"), json!(2)];
    assert_eq!(fields(&row), expected);
}
