//! Effects: buffered, bounded, and gone with a call that fails.

use serde_json::json as object;

use super::support::{Room, context, generation, granted, json, none, parse, row};
use crate::effects::{Effect, GroupChange};
use crate::plugin::{Grant, Limits, PluginSettings};
use crate::row::RowWrite;

#[tokio::test]
async fn each_send_becomes_its_effect_in_order() {
    let relay = generation("relay", granted()).await;
    let cx = context(Room::default());
    let me = cx.connection;
    let mut effects = none();
    for message in [
        object!({"_type": "reply", "message": {"a": 1}}),
        object!({"_type": "to_user", "user": "bob", "message": {"b": 2}}),
        object!({"_type": "to_group", "group": "red", "message": {"c": 3}, "exclude_sender": true}),
        object!({"_type": "broadcast", "message": {"d": 4}}),
        object!({"_type": "close", "connection": me.to_string(), "code": 4000, "reason": "bye"}),
        object!({"_type": "join", "group": "blue"}),
        object!({"_type": "leave", "group": "blue"}),
        object!({"_type": "move", "group": "green"}),
        object!({"_type": "insert", "row": {"body": "hi"}}),
        object!({"_type": "delete", "id": "x"}),
    ] {
        let kind = message["_type"].as_str().expect("a type");
        let answer = relay.handle(&cx, kind, &json(&message), &mut effects).await;
        answer.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
    let text = |json: &str| json.to_owned();
    let expected = [
        Effect::ToConnection {
            connection: me,
            json: text(r#"{"a":1}"#),
        },
        Effect::ToUser {
            user: "bob".into(),
            json: text(r#"{"b":2}"#),
        },
        Effect::ToGroup {
            group: "red".into(),
            json: text(r#"{"c":3}"#),
            exclude_sender: true,
        },
        Effect::Broadcast {
            json: text(r#"{"d":4}"#),
            exclude_sender: false,
        },
        Effect::Close {
            connection: me,
            code: 4000,
            reason: "bye".into(),
        },
        Effect::Group(GroupChange::Join {
            connection: me,
            group: "blue".into(),
        }),
        Effect::Group(GroupChange::Leave {
            connection: me,
            group: "blue".into(),
        }),
        Effect::Group(GroupChange::Move {
            connection: me,
            group: "green".into(),
        }),
        Effect::Write(RowWrite::Insert { row: row("hi") }),
        Effect::Write(RowWrite::Delete { old: row("x") }),
    ];
    assert_eq!(effects.list, expected);
}

#[tokio::test]
async fn nothing_remains_of_a_call_that_rejects_or_traps() {
    let guest = generation("misbehave", granted()).await;
    let cx = context(Room::default());
    for deed in ["reply_then_reject", "reply_then_trap"] {
        let mut effects = none();
        let message = json(&object!({"do": deed}));
        guest
            .prepare(&cx, &message, &mut effects)
            .await
            .expect_err(deed);
        assert_eq!(effects, none(), "{deed}");
    }
    // And nothing of it is left in the instance for the next call.
    let mut effects = none();
    guest.prepare(&cx, "{}", &mut effects).await.expect("ok");
    assert_eq!(effects, none());
}

#[tokio::test]
async fn a_message_has_a_limited_number_of_effects_over_all_its_hooks() {
    let guest = generation("misbehave", granted()).await;
    let cx = context(Room::default());
    let mut effects = none();
    let limit = Limits::default().effects;
    let half = json(&object!({"do": "effects", "count": limit / 2}));
    for _ in 0..2 {
        guest
            .prepare(&cx, &half, &mut effects)
            .await
            .expect("within the limit");
    }
    assert_eq!(effects.list.len(), limit);
    let one = json(&object!({"do": "effects", "count": 1}));
    let error = guest
        .prepare(&cx, &one, &mut effects)
        .await
        .expect_err("one too many");
    assert_eq!(error.to_rejection().code, "limit");
    assert_eq!(effects.list.len(), limit);
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_to_the_plugin() {
    let relay = generation("relay", granted()).await;
    let cx = context(Room::default());
    let me = cx.connection.to_string();
    for (message, code) in [
        (
            object!({"_type": "to_connection", "connection": "nobody", "message": 1}),
            "invalid",
        ),
        (
            object!({"_type": "to_group", "group": "", "message": 1}),
            "invalid",
        ),
        (
            object!({"_type": "close", "connection": me, "code": 1001, "reason": ""}),
            "invalid",
        ),
        (
            object!({"_type": "close", "connection": me, "code": 4000, "reason": "x".repeat(124)}),
            "invalid",
        ),
        (
            object!({"_type": "broadcast", "message": "x".repeat(65_536)}),
            "limit",
        ),
        (
            object!({"_type": "update", "row": {"id": "x"}}),
            "not_found",
        ),
    ] {
        let kind = message["_type"].as_str().expect("a type").to_owned();
        let error = relay
            .handle(&cx, &kind, &json(&message), &mut none())
            .await
            .expect_err(&kind);
        assert_eq!(error.to_rejection().code, code, "{message}: {error}");
    }
}

#[tokio::test]
async fn each_function_of_rows_checks_its_own_grant() {
    let read = PluginSettings {
        grants: vec![Grant::RowsRead],
        ..Default::default()
    };
    let relay = generation("relay", read).await;
    let room = Room {
        rows: vec![r#"{"id":"1"}"#.into(), r#"{"id":"2"}"#.into()],
        ..Room::default()
    };
    let cx = context(room);
    let select = json(&object!({"_type": "select", "filter": {}, "limit": 1}));
    let selected = relay
        .handle(&cx, "select", &select, &mut none())
        .await
        .expect("granted");
    assert_eq!(parse(selected)["result"].as_array().map(Vec::len), Some(1));
    let insert = json(&object!({"_type": "insert", "row": {"body": "hi"}}));
    let error = relay
        .handle(&cx, "insert", &insert, &mut none())
        .await
        .expect_err("not granted");
    assert_eq!(error.to_rejection().code, "denied");
    assert!(error.to_string().contains("rows:write"), "{error}");
}
