//! Messages that plugins publish into endpoints: judged there, written together.

use serde_json::{Value, json};

use crate::support::{Setup, TestServer, database};

const CONFIG: &str = r#"
    [plugins.relay]
    grants = ["rows:read", "rows:write", "publish:audit", "publish:bad", "publish:fleeting"]
    [plugins.misbehave]
    grants = ["rows:write"]
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["relay"]
    [endpoints.audit]
    path = "/audit"
    columns.body = "TEXT"
    [endpoints.bad]
    path = "/bad"
    columns.body = "TEXT"
    plugins = ["misbehave"]
    [endpoints.secret]
    path = "/secret"
    columns.body = "TEXT"
    [endpoints.fleeting]
    path = "/fleeting"
    durability = "ephemeral"
"#;

async fn server() -> TestServer {
    Setup::new(CONFIG)
        .guest("relay")
        .guest("misbehave")
        .start()
        .await
}

fn publish(endpoint: &str, message: Value) -> Value {
    json!({"_type": "publish", "endpoint": endpoint, "message": message})
}

fn rows(server: &TestServer, table: &str) -> i64 {
    database::value(&server.database(), &format!("SELECT count(*) FROM {table}"))
}

#[tokio::test]
async fn a_published_message_is_judged_and_stored_where_it_goes() {
    let server = server().await;
    let mut sender = server.subscribe("/chat").await;
    let mut auditor = server.subscribe("/audit").await;
    sender
        .acked(publish("audit", json!({"body": "seen", "extra": 1})))
        .await;
    let seen = auditor.recv().await;
    assert_eq!((&seen["body"], &seen["extra"]), (&json!("seen"), &json!(1)));
    assert_eq!(seen["_method"], "POST");

    let id = seen["id"].clone();
    let change = json!({"_type": "publish", "endpoint": "audit", "method": "PUT",
                        "message": {"id": id, "body": "changed"}});
    sender.acked(change).await;
    let changed = auditor.recv().await;
    assert_eq!(
        (&changed["_method"], &changed["body"]),
        (&json!("PUT"), &json!("changed"))
    );
    database::assert_gapless(&database::log(&server.database(), "audit"));
}

#[tokio::test]
async fn what_the_other_endpoint_rejects_undoes_everything() {
    let server = server().await;
    let mut sender = server.subscribe("/chat").await;
    let mut others = server.subscribe("/chat").await;
    let rejected = publish("bad", json!({"do": "reject"}));
    assert_eq!(sender.refused_with(rejected).await, "misbehaved");
    // A trap there is no reason to lose the connection here.
    let trapped = publish("bad", json!({"do": "trap"}));
    assert_eq!(sender.refused_with(trapped).await, "plugin_failed");
    sender.acked(publish("bad", json!({"body": "once"}))).await;
    server
        .database()
        .execute_batch("CREATE UNIQUE INDEX one_body ON bad (body)")
        .unwrap();
    // Refused by the database, not by a plugin: in the transaction of both.
    let refused = publish("bad", json!({"body": "once"}));
    assert_eq!(sender.refused_with(refused).await, "constraint");
    sender.acked(json!({"body": "last"})).await;
    assert!(others.recv_before("last").await.is_empty());
    assert_eq!(rows(&server, "bad"), 1);
}

#[tokio::test]
async fn plugins_that_answer_themselves_come_to_an_end() {
    let server = server().await;
    let mut client = server.subscribe("/bad").await;
    client
        .acked(json!({"body": "round", "do": "publish_again"}))
        .await;
    let mut bodies = Vec::new();
    for _ in 0..9 {
        bodies.push(client.recv().await["body"].clone());
    }
    // Eight deep, first come first served; the ninth was refused to the plugin.
    assert_eq!(bodies[..8], vec![json!("round"); 8]);
    assert_eq!(bodies[8], "limit");
    assert_eq!(rows(&server, "bad"), 9);

    client
        .acked(json!({"body": "many", "do": "publish_often", "count": 100}))
        .await;
    assert_eq!(rows(&server, "bad"), 110);
    let too_many = json!({"body": "too many", "do": "publish_often", "count": 101});
    assert_eq!(client.refused_with(too_many).await, "plugin_failed");
    assert_eq!(rows(&server, "bad"), 110);
    server.log.with(&["more than 100 messages"]).await;
}

#[tokio::test]
async fn publishing_needs_a_grant_and_an_endpoint() {
    let server = server().await;
    let mut sender = server.subscribe("/chat").await;
    let refused = sender
        .refused(publish("secret", json!({"body": "x"})))
        .await;
    assert_eq!(refused["code"], "denied");
    let says = refused["message"].as_str().unwrap();
    assert!(
        says.contains("\"publish:secret\"") && says.contains("[plugins.relay]"),
        "{says}"
    );
    let nowhere = publish("fleeting", json!({"body": "x"}));
    let refused = sender.refused(nowhere).await;
    assert_eq!(refused["code"], "unavailable");
    assert_eq!(
        sender.refused_with(publish("audit", json!([1]))).await,
        "invalid"
    );
    let method = json!({"_type": "publish", "endpoint": "audit", "method": "PATCH", "message": {}});
    assert_eq!(sender.refused_with(method).await, "invalid");
    // Its own endpoint needs no grant.
    sender.acked(publish("chat", json!({"body": "own"}))).await;
    assert_eq!(sender.recv().await["_type"], "publish");
    assert_eq!(sender.recv().await["body"], "own");
}
