//! Plugins in JavaScript, as the host runs them.

use std::time::Duration;

use serde_json::json as object;

use super::support::{Room, context, granted, json, limited, none, parse, row, try_load};
use crate::effects::{Effect, Effects, GroupChange, Publication};
use crate::golden::repository;
use crate::log::Method;
use crate::plugin::{Generation, Hook, HookError, Isolation, Limits, PluginSettings, Step};
use crate::row::RowWrite;

/// Loads a script as the plugin `p`, which makes its file `p.js`.
async fn script(source: &str) -> Generation {
    loaded(source, PluginSettings::default()).await
}

async fn loaded(source: &str, settings: PluginSettings) -> Generation {
    let loaded = try_load("p", source.as_bytes().to_vec(), settings).await;
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// What `prepare` makes of a message.
async fn prepared(plugin: &Generation, message: &str) -> Result<Option<String>, HookError> {
    let cx = context(Room::default());
    plugin.prepare(&cx, message, &mut none()).await
}

#[tokio::test]
async fn a_script_says_what_it_is_by_its_exports() {
    let plugin = script(
        "export const version = '1.2.3';
         export function modify() {}
         export function prepare() {}
         export const handlers = {
             bare(call, message) {},
             known: { schema: { type: 'object', required: ['n'] }, handle() {} },
         };
         export const helper = 7;",
    )
    .await;
    assert_eq!(&**plugin.version(), "1.2.3");
    assert_eq!(
        plugin.hooks(),
        [Hook::Prepare, Hook::Modify, Hook::Handlers]
    );
    let schema = |name| plugin.handler(name).expect(name).schema.clone();
    assert_eq!(schema("bare"), None);
    assert_eq!(
        schema("known"),
        Some(object!({"type": "object", "required": ["n"]}))
    );

    // A hook that is not exported is not called: the runtime would trap.
    let cx = context(Room::default());
    let defaults = plugin.defaults(&cx, "{}", &mut none()).await;
    assert_eq!(defaults, Ok(None));
    assert!(
        script("export function open() {}")
            .await
            .version()
            .starts_with("0.0.0")
    );
}

#[tokio::test]
async fn objects_go_in_and_come_out() {
    let plugin = script(
        "export function defaults(call, message) { message.method = call.method; return message; }
         export function prepare(call, message) { return { ...message, call }; }
         export function modify(call, message, { row, old }) { return { message, row, old }; }
         export function open(call, args) { return { ...args, more: 'one', n: [1, 2] }; }
         export const handlers = { ask: (call, message) => ({ asked: message }) };",
    )
    .await;
    let cx = context(Room::default());
    let mut effects = none();
    let message = r#"{"body":"hi","__proto__":1}"#;
    let filled = plugin.defaults(&cx, message, &mut effects).await;
    assert_eq!(
        parse(filled.expect("ok")),
        object!({"body": "hi", "__proto__": 1, "method": "POST"})
    );
    let changed = plugin.prepare(&cx, "{}", &mut effects).await;
    let call = object!({
        "connection": cx.connection.to_string(), "user": "alice", "method": "POST",
        "endpoint": "room", "receivedAt": 1_700_000_000_000_000_u64, "queued": false,
    });
    assert_eq!(parse(changed.expect("ok")), object!({"call": call}));
    let row = Some(r#"{"id":"1"}"#);
    let shown = plugin.modify(&cx, "{}", row, None, &mut effects).await;
    assert_eq!(
        parse(shown.expect("ok")),
        object!({"message": {}, "row": {"id": "1"}, "old": null})
    );
    let answer = plugin.handle(&cx, "ask", r#"[1]"#, &mut effects).await;
    assert_eq!(parse(answer.expect("ok")), object!({"asked": [1]}));
    let args = plugin.open(&cx, &[], &mut effects).await.expect("ok");
    let args: Vec<_> = args
        .expect("changed")
        .into_iter()
        .map(|arg| (arg.key, arg.values))
        .collect();
    let values = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        args,
        [
            ("more".to_owned(), values(&["one"])),
            ("n".to_owned(), values(&["1", "2"]))
        ]
    );
}

#[tokio::test]
async fn nothing_returned_changes_nothing() {
    let plugin = script("export const prepare = (call, message) => message.answer;").await;
    assert_eq!(prepared(&plugin, "{}").await, Ok(None));
    assert_eq!(prepared(&plugin, r#"{"answer":null}"#).await, Ok(None));
}

#[tokio::test]
async fn connect_accepts_and_refuses() {
    let plugin = script(
        "export function connect(call) {
             const { as } = context.pathParameters();
             if (context.args().refuse) throw new Refuse(451, 'Not here.');
             if (context.args().reject) throw new Reject('no', 'Not you.');
             return { user: { id: 'bob', claims: { name: 'Bob' } }, groups: ['a'],
                      metadata: [1], clientId: 'tab' };
         }",
    )
    .await;
    let call = async |arg: &str| {
        let args = vec![(arg.to_owned(), vec!["1".to_owned()])];
        let cx = context(Room {
            args,
            ..Room::default()
        });
        plugin.connect(&cx, &mut none()).await.expect("an answer")
    };
    let Ok(accepted) = call("none").await else {
        panic!("accepted")
    };
    let user = accepted.user.expect("a user");
    assert_eq!(
        (&*user.id, user.claims.as_deref()),
        ("bob", Some(r#"{"name":"Bob"}"#))
    );
    assert_eq!(accepted.groups, ["a"]);
    assert_eq!(accepted.metadata.as_deref(), Some("[1]"));
    assert_eq!(accepted.client_id.as_deref(), Some("tab"));
    for (arg, status, reason) in [("refuse", 451, "Not here."), ("reject", 403, "Not you.")] {
        let Err(refusal) = call(arg).await else {
            panic!("refused")
        };
        assert_eq!((refusal.status, &*refusal.reason), (status, reason));
    }
}

#[tokio::test]
async fn a_reject_is_the_plugins_word_and_keeps_the_instance() {
    let plugin = script(
        "let calls = 0;
         export function prepare(call, message) {
             calls += 1;
             if (message.no) throw new Reject('too_long', `No. ${calls}`, { max: 5 });
             return { calls };
         }",
    )
    .await;
    let error = prepared(&plugin, r#"{"no":true}"#)
        .await
        .expect_err("rejected");
    let rejection = error.to_rejection();
    assert_eq!(
        (&*rejection.code, &*rejection.message),
        ("too_long", "No. 1")
    );
    assert_eq!(rejection.details, Some(object!({"max": 5})));
    let next = prepared(&plugin, "{}").await.expect("ok");
    assert_eq!(parse(next), object!({"calls": 2}));
}

#[tokio::test]
async fn whatever_else_is_thrown_ends_the_instance_and_tells_the_operator_where() {
    let plugin = script(
        "let calls = 0;
export function prepare(call, message) {
    calls += 1;
    if (message.no) stumble(message.no);
    return { calls };
}
function stumble(how) {
    if (how === 'error') throw new RangeError('out of\\u001b[31m bounds');
    if (how === 'text') throw 'only a text';
    if (how === 'undefined') throw undefined;
    return how.to.nowhere;
}",
    )
    .await;
    for (how, says) in [
        (
            r#"{"no":"error"}"#,
            &[
                "RangeError: out of\\u{1b}[31m bounds",
                "at stumble (p.js:8:",
                "at prepare (p.js:4:",
            ][..],
        ),
        (r#"{"no":"text"}"#, &["only a text"]),
        (r#"{"no":"undefined"}"#, &["undefined"]),
        (
            r#"{"no":"x"}"#,
            &[
                "TypeError: cannot read property 'nowhere' of undefined",
                "p.js:11:",
            ],
        ),
    ] {
        let error = prepared(&plugin, how).await.expect_err(how);
        assert!(matches!(error, HookError::Threw { .. }), "{error:?}");
        let told = error.to_string();
        for part in says {
            assert!(told.contains(part), "{how}: {told}");
        }
        assert!(
            told.contains("plugin `p`") && told.contains("hook `prepare`"),
            "{told}"
        );
        assert!(!told.contains("hookcast:"), "no frames of the shim: {told}");
        let rejection = error.to_rejection();
        assert_eq!(rejection.code, "plugin_failed");
        assert!(!rejection.message.contains("p.js"), "{rejection}");
        let next = prepared(&plugin, "{}").await.expect("a fresh instance");
        assert_eq!(parse(next), object!({"calls": 1}));
    }
}

#[tokio::test]
async fn what_is_no_message_is_never_taken_for_one() {
    let plugin = script(
        "export function prepare(call, { kind }) {
             if (kind === 'promise') return Promise.resolve({ body: 'late' });
             if (kind === 'text') return 'text';
             if (kind === 'circle') { const circle = {}; circle.circle = circle; return circle; }
             return 7n;
         }",
    )
    .await;
    for (kind, says) in [
        ("promise", "`prepare` returned a promise"),
        ("text", "`prepare` returned a value of type string"),
        ("circle", "circular reference"),
        ("bigint", "`prepare` returned a value of type bigint"),
    ] {
        let message = json(&object!({"kind": kind}));
        let error = prepared(&plugin, &message).await.expect_err(kind);
        assert!(error.to_string().contains(says), "{kind}: {error}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_script_is_said_when_it_is_loaded() {
    for (source, says) in [
        (
            "export function prepare() {\n  let a = ;\n}",
            &["SyntaxError", "p.js:2:11"][..],
        ),
        (
            "export function prepare() {}\n  null.x;",
            &["TypeError: cannot read property 'x' of null", "p.js:2:"],
        ),
        ("throw 'nothing'", &["nothing"]),
        (
            "export const prepare = 7;",
            &["`prepare` as a value of type number"],
        ),
        ("export const modify = [];", &["`modify` as an array"]),
        (
            "export async function open() {}",
            &["`open` is an async function"],
        ),
        (
            "export function* close() {}",
            &["`close` is an async function or a generator"],
        ),
        (
            "export const handlers = { async ping() {} };",
            &["`handlers.ping` is an async function"],
        ),
        (
            "export function prepair() {}",
            &["exports no hook. It exports `prepair`", "`connect`, `open`"],
        ),
        ("const nothing = 1;", &["It exports nothing"]),
        ("export const handlers = {};", &["without any message type"]),
        ("export const handlers = [];", &["`handlers` as an array"]),
        (
            "export const handlers = { ping: 1 };",
            &["`handlers.ping` as a value of type number"],
        ),
        (
            "export const version = 1; export function prepare() {}",
            &["`version` as a value of type number"],
        ),
        (
            "const circle = {}; circle.circle = circle;
             export const handlers = { ping: { schema: circle, handle() {} } };",
            &["TypeError: circular reference"],
        ),
        (
            "import x from './other.js';",
            &["there is no module `./other.js`", "a plugin is one file"],
        ),
        (
            "await new Promise(() => {}); export function prepare() {}",
            &["waits for what never comes"],
        ),
    ] {
        let loaded = try_load("p", source.as_bytes().to_vec(), PluginSettings::default()).await;
        let error = loaded.expect_err(source);
        assert_eq!(error.step, Step::Script, "{source}: {error}");
        for part in says {
            assert!(error.problem.contains(part), "{source}: {error}");
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_none_is_refused_with_its_type() {
    let source = b"export const handlers = { ping: { schema: [], handle() {} } };";
    let loaded = try_load("p", source.to_vec(), PluginSettings::default()).await;
    let error = loaded.expect_err("no schema");
    assert_eq!(error.step, Step::Describe);
    assert!(error.problem.contains("`ping`"), "{error}");
}

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
    assert_eq!(effects, Effects(sent.into()));
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

#[tokio::test]
async fn scripts_are_bounded_like_any_guest() {
    let limits = Limits {
        hook: Duration::from_millis(100),
        ..Limits::default()
    };
    let plugin = loaded(
        "function recurse(n) { return recurse(n + 1) + 1; }
         export function prepare(call, { kind }) {
             if (kind === 'loop') for (;;) {}
             if (kind === 'memory') { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); }
             if (kind === 'recurse') recurse(0);
             if (kind === 'huge') return { body: 'x'.repeat(1 << 20) };
             return { kind };
         }",
        limited(limits),
    )
    .await;
    for kind in ["loop", "memory", "recurse", "huge"] {
        let error = prepared(&plugin, &json(&object!({"kind": kind}))).await;
        let error = error.expect_err(kind);
        let expected = match kind {
            "loop" => matches!(
                error,
                HookError::Timeout {
                    setting: "limits.hook",
                    ..
                }
            ),
            "memory" => matches!(error, HookError::LimitReached { .. }),
            "recurse" => matches!(error, HookError::Threw { .. } | HookError::Trapped { .. }),
            _ => matches!(error, HookError::BadOutput { .. }),
        };
        assert!(expected, "{kind}: {error}");
        assert!(
            !error.to_string().contains("<wasm function"),
            "{kind}: {error}"
        );
        let next = prepared(&plugin, r#"{"kind":"fine"}"#).await.expect(kind);
        assert_eq!(parse(next), object!({"kind": "fine"}), "after {kind}");
    }
}

#[tokio::test]
async fn an_endless_top_level_is_ended() {
    let error = try_load("p", b"for (;;) {}".to_vec(), PluginSettings::default()).await;
    let error = error.expect_err("endless");
    assert_eq!(error.step, Step::Instantiate);
    assert!(error.problem.contains("limits.init"), "{error}");
}

#[tokio::test]
async fn isolation_per_call_keeps_nothing() {
    for (isolation, second) in [(Isolation::Warm, 2), (Isolation::PerCall, 1)] {
        let settings = PluginSettings {
            isolation,
            ..PluginSettings::default()
        };
        let source = "let calls = 0; export function prepare() { calls += 1; return { calls }; }";
        let plugin = loaded(source, settings).await;
        prepared(&plugin, "{}").await.expect("ok");
        let next = prepared(&plugin, "{}").await.expect("ok");
        assert_eq!(parse(next), object!({"calls": second}), "{isolation:?}");
    }
}

/// The scripts of both READMEs work as they are printed.
#[tokio::test]
async fn the_scripts_of_the_readmes_load() {
    for (readme, hooks) in [
        ("README.md", &[Hook::Prepare, Hook::Modify][..]),
        (
            "guest-sdk/javascript/README.md",
            &[Hook::Prepare, Hook::Modify, Hook::Handlers],
        ),
    ] {
        let text = std::fs::read_to_string(repository(readme)).expect(readme);
        let scripts = text.split("```js\n").skip(1);
        let mut plugins = scripts.filter(|script| script.contains("export function"));
        let source = plugins.next().and_then(|script| script.split("```").next());
        let plugin = script(source.expect(readme)).await;
        assert_eq!(plugin.hooks(), hooks, "{readme}");
        let order = prepared(&plugin, r#"{"amount":3}"#).await;
        assert_eq!(order, Ok(None), "{readme}");
        let refused = prepared(&plugin, r#"{"amount":0}"#)
            .await
            .expect_err(readme);
        assert_eq!(refused.to_rejection().code, "bad_amount");
        let cx = context(Room::default());
        let mut effects = none();
        let shown = plugin.modify(&cx, r#"{"amount":3}"#, None, None, &mut effects);
        assert_eq!(
            parse(shown.await.expect("ok")),
            object!({"amount": 3, "label": "3 pieces"})
        );
    }
}
