//! Host functions, as a script calls them.

use serde_json::json as object;

use super::{loaded, prepared, script};
use crate::effects::{Effect, Effects, GroupChange, Publication};
use crate::log::Method;
use crate::plugin::PluginSettings;
use crate::plugin::tests::support::{Room, context, granted, json, none, parse, row};
use crate::row::RowWrite;

#[tokio::test]
async fn host_functions_take_and_give_objects() {
    let plugin = loaded(
        "import { messaging as imported, HostError as Imported } from 'hookcast';
         export function prepare(call, message) {
             if (imported !== messaging || Imported !== HostError) throw new Error('two of them');
             const me = call.connection;
             messaging.reply({ a: 1 });
             messaging.toConnection(me, [2]);
             messaging.toUser(7, { b: 2 });
             messaging.toGroup('red', { c: 3 }, { excludeSender: true });
             messaging.broadcast({ d: 4 });
             messaging.publish(call.endpoint, 'PUT', { e: 5 });
             messaging.close(me, 4000, 'bye');
             groups.join(me, 'blue');
             groups.leave(me, 'blue');
             groups.move(me, 'green');
             const id = rows.insert({ body: 'hi' });
             rows.delete('x');
             return {
                 id,
                 rows: rows.select({ topic: ['a', 'b'] }, 1),
                 members: groups.members('red').length,
                 count: groups.count('red'),
                 args: context.args(),
                 path: context.pathParameters(),
                 headers: context.headers(),
                 user: context.user(),
                 session: context.session(),
                 groups: context.groups(),
                 metadata: context.metadata(),
                 config: [config.get('size'), config.get('none'), config.getAll()],
             };
         }",
        PluginSettings {
            config: [("size".to_owned(), "7".to_owned())].into(),
            ..granted()
        },
    )
    .await;
    let cx = context(Room {
        args: vec![("topic".into(), vec!["a".into(), "b".into()])],
        rows: vec![r#"{"id":"1"}"#.into(), r#"{"id":"2"}"#.into()],
        ..Room::default()
    });
    let me = cx.connection;
    let mut effects = none();
    let answer = plugin.prepare(&cx, "{}", &mut effects).await.expect("ok");
    assert_eq!(
        parse(answer),
        object!({
            "id": "new-id",
            "rows": [{"id": "1"}],
            "members": 1,
            "count": 1,
            "args": {"topic": ["a", "b"]},
            "path": {"room": "lobby"},
            "headers": {"origin": "http://localhost"},
            "user": {"id": "alice"},
            "session": null,
            "groups": ["red"],
            "metadata": {"colour": "red"},
            "config": ["7", null, {"size": "7"}],
        })
    );
    let text = str::to_owned;
    let (blue, green) = (|| text("blue"), text("green"));
    let sent = [
        Effect::ToConnection {
            connection: me,
            json: text(r#"{"a":1}"#),
        },
        Effect::ToConnection {
            connection: me,
            json: text("[2]"),
        },
        Effect::ToUser {
            user: text("7"),
            json: text(r#"{"b":2}"#),
        },
        Effect::ToGroup {
            group: text("red"),
            json: text(r#"{"c":3}"#),
            exclude_sender: true,
        },
        Effect::Broadcast {
            json: text(r#"{"d":4}"#),
            exclude_sender: false,
        },
        Effect::Publish(Publication {
            endpoint: text("room"),
            method: Method::Put,
            message: [("e".to_owned(), object!(5))].into_iter().collect(),
        }),
        Effect::Close {
            connection: me,
            code: 4000,
            reason: text("bye"),
        },
        Effect::Group(GroupChange::Join {
            connection: me,
            group: blue(),
        }),
        Effect::Group(GroupChange::Leave {
            connection: me,
            group: blue(),
        }),
        Effect::Group(GroupChange::Move {
            connection: me,
            group: green,
        }),
        Effect::Write(RowWrite::Insert { row: row("hi") }),
        Effect::Write(RowWrite::Delete { old: row("x") }),
    ];
    let list = sent.into();
    assert_eq!(effects, Effects { list, ..none() });
}

#[tokio::test]
async fn a_grant_that_is_missing_is_an_error_of_the_host_function() {
    let plugin = script(
        "export function prepare(call, message) {
             try {
                 return { rows: rows[message.how]({ body: 'hi' }) };
             } catch (error) {
                 if (!(error instanceof HostError)) throw error;
                 return { name: error.name, code: error.code, message: error.message };
             }
         }",
    )
    .await;
    for (how, grant) in [
        ("select", "rows:read"),
        ("insert", "rows:write"),
        ("update", "rows:write"),
    ] {
        let answer = prepared(&plugin, &json(&object!({"how": how}))).await;
        let answer = parse(answer.expect("caught"));
        assert_eq!(
            (&answer["name"], &answer["code"]),
            (&object!("HostError"), &object!("denied"))
        );
        let told = answer["message"].as_str().expect("a message");
        assert!(
            told.contains(grant) && told.contains("[plugins.p]"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_host_error_that_is_not_caught_ends_the_call_and_says_where() {
    let plugin = script("export function prepare() {\n  rows.select();\n}").await;
    let error = prepared(&plugin, "{}").await.expect_err("denied");
    let told = error.to_string();
    for part in ["HostError", "rows:read", "at prepare (p.js:2:"] {
        assert!(told.contains(part), "{part} is missing in: {told}");
    }
    let plugin = script("export function prepare() {\n  groups.join(undefined, 'a');\n}").await;
    let told = prepared(&plugin, "{}")
        .await
        .expect_err("no id")
        .to_string();
    assert!(
        told.contains("TypeError: the connection must be a text"),
        "{told}"
    );
}
