//! `prepare` and `modify`, as the documentation has them.

use serde_json::{Value, json};

use super::{heard, heard_of, page, past, setup};
use crate::support::database;

/// ```yaml
/// prepare: >
///   msg.update(message='MSG: ' + msg['message']) if msg['_method'] == 'POST' else ''
/// ```
///
/// "This expression updates POST methods with the "message" key by prefixing "MSG: " in
/// front of it", "before updating the database".
#[tokio::test]
async fn prepare_prefixes_what_is_posted() {
    let script = "export function prepare(call, message) {
        if (call.method === 'POST') message.message = 'MSG: ' + message.message;
        return message;
    }";
    let lines = "columns.message = 'TEXT'\nplugins = ['door', 'prefix']";
    let server = setup(lines).script("prefix.js", script).start().await;
    let mut client = page(&server, "", "").await;
    client.history().await;
    client.acked(json!({"message": "Hello"})).await;
    let posted = heard(&mut client).await.remove(0);
    assert_eq!(posted["message"], "MSG: Hello");
    let put = json!({"_method": "PUT", "id": posted["id"], "message": "Bye"});
    client.acked(put.clone()).await;
    assert_eq!(heard(&mut client).await, [put], "a PUT is left alone");
    client.acked(json!({"message": "again"})).await;
    let mut later = page(&server, "", "").await;
    assert_eq!(past(&mut later, "message").await, ["Bye", "MSG: again"]);
}

/// "To allow only certain users to post to certain topics":
///
/// ```python
/// def my_prepare(msg, handler):
///     allowed = valid_users.get(msg['topic'], [])
///     if not handler.current_user or handler.current_user['id'] not in allowed:
///         raise ValueError(f"You cannot write to {msg['topic']}")
/// ```
#[tokio::test]
async fn prepare_says_to_whom_it_forbids_what_they_cannot_write_to() {
    let script = "const validUsers = { Help: ['alice@example.org'] };
        export function prepare(call, message) {
            const allowed = validUsers[message.topic] ?? [];
            if (!allowed.includes(context.user()?.id)) {
                throw new Reject('forbidden', `You cannot write to ${message.topic}`);
            }
        }";
    let lines = "columns.topic = 'TEXT'\nplugins = ['door', 'topics']";
    let server = setup(lines).script("topics.js", script).start().await;
    let mut listener = page(&server, "", "").await;
    listener.history().await;
    for (user, topic) in [
        ("bob@example.org", "Help"),
        ("", "Help"),
        ("alice@example.org", "Sales"),
    ] {
        let mut client = page(&server, user, "").await;
        let error = client.refused(json!({"topic": topic})).await;
        let expected =
            json!({"code": "forbidden", "message": format!("You cannot write to {topic}")});
        assert_eq!(error, expected, "{user}");
        client.is_alive().await;
    }
    let mut alice = page(&server, "alice@example.org", "").await;
    alice.acked(json!({"topic": "Help"})).await;
    assert_eq!(heard_of(&mut listener, "topic").await, ["Help"]);
    let rows: i64 = database::value(&server.database(), "SELECT count(*) FROM messages");
    assert_eq!(rows, 1);
}

/// "To modify each message after updating the database, use `modify:`. This changes the
/// message object that is used in alerts and broadcasted."
///
/// ```yaml
/// modify: >
///   msg.update(message='MSG: ' + msg['message']) if msg['_method'] == 'POST' else ''
/// ```
#[tokio::test]
async fn modify_changes_what_is_broadcast_and_not_what_is_stored() {
    let script = "export function modify(call, message) {
        if (call.method === 'POST') message.message = 'MSG: ' + message.message;
        return message;
    }";
    let lines = "columns.message = 'TEXT'\nplugins = ['door', 'prefix']";
    let server = setup(lines).script("prefix.js", script).start().await;
    let mut client = page(&server, "", "").await;
    client.history().await;
    client.acked(json!({"message": "Hello"})).await;
    let posted = heard(&mut client).await.remove(0);
    assert_eq!(posted["message"], "MSG: Hello");
    let mut later = page(&server, "", "").await;
    assert_eq!(past(&mut later, "message").await, ["Hello"]);
    let put = json!({"_method": "PUT", "id": posted["id"], "message": Value::Null});
    client.acked(put.clone()).await;
    assert_eq!(heard(&mut client).await, [put], "a PUT is left alone");
}
