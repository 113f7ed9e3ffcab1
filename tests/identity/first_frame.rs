//! Clients that can send no header: a token in the first frame.

use serde_json::{Value, json};

use super::{CONFIG, ask, connect, server, signer, token};
use crate::support::Setup;

fn auth(token: &str) -> Value {
    json!({"_auth": {"token": token}})
}

#[tokio::test]
async fn the_first_frame_names_the_user_of_those_that_follow() {
    let server = server().await;
    let mut other = server.subscribe("/open").await;
    let mut client = connect(&server, "/open?room=blue", &[]).await;
    client.send(auth(&token("ann", "editor"))).await;
    assert_eq!(
        client.recv().await,
        json!({"_ack": {"_auth": {"user": "ann"}}})
    );
    assert_eq!(ask(&mut client, "user").await["role"], "editor");
    assert_eq!(ask(&mut client, "groups").await, json!(["blue"]));
    client.acked(json!({"body": "mine", "room": "blue"})).await;
    // The token went to nobody, and into no log.
    let heard = other.recv().await;
    assert_eq!(
        (&heard["body"], &heard["user"]),
        (&json!("mine"), &json!("ann"))
    );
    let connections = server.api("GET", "/api/connections").await.ok();
    let users: Vec<_> = connections["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["user"].clone())
        .collect();
    assert!(users.contains(&json!("ann")), "{connections}");

    // What is for the user reaches this connection.
    let message = json!({"_type": "to_user", "user": "ann", "message": {"psst": 1}});
    other.send(message).await;
    let (_, psst) = client.recv_until(|frame| frame.get("psst").is_some()).await;
    assert_eq!(psst["psst"], 1);
}

#[tokio::test]
async fn only_the_first_frame_of_somebody_unknown_counts() {
    let server = server().await;
    let mut watching = server.subscribe("/open").await;
    let mut late = connect(&server, "/open", &[]).await;
    late.acked(json!({"body": "before"})).await;
    assert_eq!(late.recv().await["user"], Value::Null);
    assert_eq!(late.refused_with(auth(&token("ann", "x"))).await, "bad_key");
    assert_eq!(ask(&mut late, "user").await, Value::Null);

    let bearer = format!("Bearer {}", token("bob", "x"));
    let mut known = connect(&server, "/open", &[("authorization", &bearer)]).await;
    assert_eq!(
        known.refused_with(auth(&token("ann", "x"))).await,
        "bad_key"
    );
    assert_eq!(ask(&mut known, "user").await["id"], "bob");

    let mut odd = connect(&server, "/open", &[]).await;
    assert_eq!(odd.refused_with(json!({"_auth": "t"})).await, "bad_key");
    odd.acked(json!({"body": "after"})).await;
    // Nothing of the tokens was broadcast.
    let seen = watching.recv_before("after").await;
    assert!(
        seen.iter().all(|frame| frame.get("_auth").is_none()),
        "{seen:?}"
    );

    let mut ordinary = connect(&server, "/open", &[]).await;
    ordinary
        .acked(json!({"body": "\"_auth\"", "_auth": {"token": "mine"}}))
        .await;
    assert_eq!(
        ordinary
            .recv_until(|frame| frame["body"] == "\"_auth\"")
            .await
            .1["_auth"]["token"],
        "mine"
    );
}

#[tokio::test]
async fn who_is_not_accepted_does_not_go_on_as_somebody_else() {
    let server = server().await;
    let expired = signer().token(json!({"sub": "ann", "aud": "chat", "exp": 1}));
    let mut client = connect(&server, "/open", &[]).await;
    client
        .send(json!({"_auth": {"token": expired}, "_msg_id": "m1"}))
        .await;
    client.send(json!({"body": "as ann"})).await;
    let error = client.recv().await["_error"].take();
    assert_eq!(
        (&error["code"], &error["_msg_id"]),
        (&json!("unauthorized"), &json!("m1"))
    );
    assert!(
        error["message"].as_str().unwrap().contains("expired"),
        "{error}"
    );
    assert_eq!(client.closed().await.0, 4401);
    let rows: i64 = server
        .database()
        .query_row("SELECT count(*) FROM \"open\"", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0);
}

/// The endpoint's condition and the `connect` hooks are asked about the user, too.
#[tokio::test]
async fn whoever_may_not_connect_may_not_by_a_first_frame_either() {
    let config = CONFIG.replace(
        "[endpoints.members]",
        "[endpoints.door]\npath = \"/door\"\ncolumns.body = \"TEXT\"\nplugins = [\"relay\"]\n\
         auth.condition = \"user == null || user.role != 'banned'\"\n[endpoints.members]",
    );
    let server = Setup::new(&config).guest("relay").start().await;
    let mut banned = connect(&server, "/door", &[]).await;
    banned.send(auth(&token("ann", "banned"))).await;
    assert_eq!(banned.recv().await["_error"]["code"], "forbidden");
    assert_eq!(banned.closed().await.0, 4403);

    let mut fine = connect(&server, "/door", &[]).await;
    fine.send(auth(&token("ann", "reader"))).await;
    assert_eq!(fine.recv().await["_ack"]["_auth"]["user"], "ann");

    let mut unwanted = connect(&server, "/door?_refuse_user=eve", &[]).await;
    unwanted.send(auth(&token("eve", "reader"))).await;
    let error = unwanted.recv().await["_error"].take();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("rejected"), &json!("Not you."))
    );
    assert_eq!(unwanted.closed().await.0, 4403);
}
