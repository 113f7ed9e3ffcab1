//! What a script must be to be loaded, and what is said of one that is not.

use std::time::Duration;

use serde_json::json as object;

use super::{prepared, script};
use crate::golden::repository;
use crate::plugin::tests::support::{Room, context, limited, none, parse, try_load};
use crate::plugin::{Hook, Limits, PluginSettings, Step};

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
async fn an_endless_top_level_is_ended() {
    let limits = Limits {
        init: Duration::from_millis(100),
        wall: Duration::from_secs(60),
        ..Limits::default()
    };
    let loaded = try_load("p", b"for (;;) {}".to_vec(), limited(limits)).await;
    let error = loaded.expect_err("endless");
    assert_eq!(error.step, Step::Instantiate);
    assert!(error.problem.contains("limits.init"), "{error}");
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
