//! Plugins in JavaScript, as the host runs them.

use serde_json::json as object;

use super::support::{Room, context, json, none, parse, try_load};
use crate::plugin::{Generation, HookError, PluginSettings, Step};

/// Loads a script as the plugin `p`, which makes its file `p.js`.
async fn script(source: &str) -> Generation {
    loaded(source, PluginSettings::default()).await
}

async fn loaded(source: &str, settings: PluginSettings) -> Generation {
    let loaded = try_load("p", source.as_bytes().to_vec(), settings).await;
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

async fn refused(source: &str) -> (Step, String) {
    let settings = PluginSettings::default();
    let error = try_load("p", source.as_bytes().to_vec(), settings).await;
    let error = error.expect_err(source);
    (error.step, error.problem)
}

#[tokio::test]
async fn objects_go_in_and_come_out() {
    let plugin = script(
        "export const version = '1.2.3';
         export function prepare(call, message) { return { ...message, by: call.user }; }",
    )
    .await;
    assert_eq!(&**plugin.version(), "1.2.3");
    let cx = context(Room::default());
    let changed = plugin.prepare(&cx, r#"{"body":"hi"}"#, &mut none()).await;
    assert_eq!(
        parse(changed.expect("ok")),
        object!({"body": "hi", "by": "alice"})
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_script_is_said_when_it_is_loaded() {
    for source in [
        "export function prepare() {\n  let a = ;\n}",
        "export function prepare() {}\n  null.x;",
        "export const prepare = 7;",
        "export async function prepare() {}",
        "export function prepair() {}",
        "export const handlers = {};",
        "export const handlers = { ping: 1 };",
        "import x from './other.js';",
        "import x from 'hookcast:plugin/nothing';",
        "export const version = 1; export function prepare() {}",
        "await new Promise(() => {}); export function prepare() {}",
        "throw 'nothing'",
        "function f(n) { f(n + 1) + 1; } f(0);",
    ] {
        let said = refused(source).await;
        println!("{source}\n  => {said:?}");
    }
}
