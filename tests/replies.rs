//! Nested replies: the sample plugin that knows what a reply belongs to.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [plugins.replies]
    grants = ["rows:read"]
    [endpoints.comments]
    path = "/comments"
    columns.body = "TEXT"
    columns.parent_id = "TEXT"
    plugins = ["replies"]
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .sample("javascript/replies.js", "replies.js")
        .start()
        .await
}

/// The id of a row by its body.
fn id_of(server: &TestServer, body: &str) -> String {
    let query = "SELECT id FROM comments WHERE body = ?1";
    let found = server.database().query_row(query, [body], |row| row.get(0));
    found.unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn rows(server: &TestServer) -> i64 {
    let query = "SELECT count(*) FROM comments";
    let counted = server.database().query_row(query, [], |row| row.get(0));
    counted.expect("a count")
}

#[tokio::test]
async fn replies_to_replies_reach_everyone_and_stay() {
    let server = server().await;
    let mut reader = server.subscribe("/comments").await;
    let mut writer = server.connect("/comments?body=-").await;
    writer.acked(json!({"body": "question"})).await;
    let question = id_of(&server, "question");
    writer
        .acked(json!({"body": "answer", "parent_id": question}))
        .await;
    let answer = id_of(&server, "answer");
    writer
        .acked(json!({"body": "thanks", "parent_id": answer}))
        .await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let event = reader.recv().await;
        heard.push((event["body"].clone(), event["parent_id"].clone()));
    }
    let thread = [
        (json!("question"), Value::Null),
        (json!("answer"), json!(question)),
        (json!("thanks"), json!(answer)),
    ];
    assert_eq!(heard, thread);
    let (stored, _) = server.connect("/comments?_after=").await.history().await;
    let stored: Vec<_> = stored
        .iter()
        .map(|row| (row["body"].clone(), row["parent_id"].clone()))
        .collect();
    assert_eq!(stored, thread);
}

#[tokio::test]
async fn a_reply_to_nothing_is_refused() {
    let server = server().await;
    let mut client = server.connect("/comments").await;
    for parent in [json!("nobody"), json!(7), json!({"id": "x"})] {
        let error = client
            .refused(json!({"body": "lost", "parent_id": parent}))
            .await;
        assert_eq!(error["code"], "no_parent", "{error}");
    }
    assert_eq!(rows(&server), 0);
}

#[tokio::test]
async fn a_message_keeps_its_place_and_its_replies() {
    let server = server().await;
    let mut client = server.connect("/comments?body=-").await;
    client.acked(json!({"body": "question"})).await;
    let question = id_of(&server, "question");
    client
        .acked(json!({"body": "answer", "parent_id": question}))
        .await;
    let answer = id_of(&server, "answer");

    // Below one's own reply: a circle that no page could show.
    let moved = json!({"_method": "PUT", "id": question, "parent_id": answer});
    assert_eq!(client.refused_with(moved).await, "stays_in_place");
    let edited = json!({"_method": "PUT", "id": question, "body": "question, edited"});
    client.acked(edited).await;

    let deleted = json!({"_method": "DELETE", "id": question});
    assert_eq!(client.refused_with(deleted).await, "has_replies");
    client
        .acked(json!({"_method": "DELETE", "id": answer}))
        .await;
    client
        .acked(json!({"_method": "DELETE", "id": question}))
        .await;
    assert_eq!(rows(&server), 0);
}
