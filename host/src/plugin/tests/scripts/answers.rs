//! What hooks of a script return and throw, and what bounds them.

use std::time::Duration;

use serde_json::json as object;

use super::{loaded, prepared, script};
use crate::plugin::tests::support::{Room, context, json, limited, none, parse};
use crate::plugin::{HookError, Isolation, Limits, PluginSettings};

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

#[tokio::test]
async fn scripts_are_bounded_like_any_guest() {
    let source = "function recurse(n) { return recurse(n + 1) + 1; }
         export function prepare(call, { kind }) {
             if (kind === 'loop') for (;;) {}
             if (kind === 'memory') for (const all = [];;) all.push(new Uint8Array(1 << 20).fill(1));
             if (kind === 'recurse') recurse(0);
             if (kind === 'huge') return { body: 'x'.repeat(1 << 20) };
             return { kind };
         }";
    let within = |hook| {
        limited(Limits {
            hook: Duration::from_millis(hook),
            wall: Duration::from_secs(60),
            ..Limits::default()
        })
    };
    let quick = loaded(source, within(100)).await;
    let patient = loaded(source, within(30_000)).await;
    for kind in ["loop", "memory", "recurse", "huge"] {
        let plugin = if kind == "loop" { &quick } else { &patient };
        let error = prepared(plugin, &json(&object!({"kind": kind}))).await;
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
        let next = prepared(plugin, r#"{"kind":"fine"}"#).await.expect(kind);
        assert_eq!(parse(next), object!({"kind": "fine"}), "after {kind}");
    }
}
