//! `hookcast plugin test`, `replay` and `bench`: fixtures without a server.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::support::command::{complaint, hookcast};
use crate::support::{Setup, guests, require};

/// A new plugin in JavaScript; none when this machine can't run it.
fn script(test: &str) -> Option<TempDir> {
    require::or_skip(test, guests::runtime_missing()).then(|| {
        let folder = tempfile::tempdir().expect("a folder");
        hookcast(folder.path(), &["plugin", "new", "hello", "--lang", "js"]);
        folder
    })
}

fn write(folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).expect("a file");
}

#[test]
fn a_fixture_that_goes_otherwise_is_told_and_fails() {
    let Some(folder) = script("a tested script") else {
        return;
    };
    let folder = folder.path();
    let wrong = json!({
        "name": "shouting", "hook": "prepare", "message": {"body": "hi"},
        "expect": {"message": {"body": "HI"}},
    });
    write(folder, "fixtures/hello/shout.json", &wrong.to_string());
    let said = complaint(folder, &["plugin", "test", "hello"]);
    assert!(said.contains("ok   message.json"), "{said}");
    assert!(said.contains("FAIL shout.json: shouting"), "{said}");
    assert!(
        said.contains(r#"message.body: expected "HI", got "hi""#),
        "{said}"
    );
    assert!(said.contains("1 of 3 fixtures failed"), "{said}");
    // One file by name, of a plugin by its file.
    let one = [
        "plugin",
        "test",
        "plugins/hello.js",
        "fixtures/hello/rejected.json",
    ];
    let said = hookcast(folder, &one);
    assert_eq!(said, "ok   rejected.json\n");

    // What throws is no success, even where nothing is expected.
    let thrown = json!({"hook": "prepare", "message": {}, "call": {"method": "POST"}});
    write(folder, "thrown.json", &thrown.to_string());
    write(
        folder,
        "plugins/hello.js",
        "export function prepare(call, message) {\n  return message.body.trim();\n}\n",
    );
    let said = complaint(folder, &["plugin", "test", "hello", "thrown.json"]);
    assert!(said.contains("hello.js:2"), "{said}");
    write(folder, "thrown.json", "{\"hock\": 1}");
    let said = complaint(folder, &["plugin", "test", "hello", "thrown.json"]);
    assert!(
        said.contains("thrown.json") && said.contains("hook"),
        "{said}"
    );
    fs::remove_dir_all(folder.join("fixtures")).expect("removed");
    let said = complaint(folder, &["plugin", "test", "hello"]);
    assert!(said.contains("no fixtures in fixtures/hello/"), "{said}");
}

#[test]
fn a_budget_that_is_exceeded_fails() {
    let Some(folder) = script("a measured script") else {
        return;
    };
    let bench = ["plugin", "bench", "hello", "--calls", "3"];
    let with = |more: &[&'static str]| [&bench[..], more].concat();
    let generous = with(&[
        "--budget-time",
        "100s",
        "--budget-instructions",
        "1000000000",
    ]);
    let said = hookcast(folder.path(), &generous);
    let line = said.lines().find(|line| line.starts_with("message.json"));
    let words: Vec<_> = line.expect("a line").split_whitespace().collect();
    let instructions: u64 = words[words.len() - 1].parse().expect("a number");
    assert!(instructions > 1_000, "{said}");
    // {"body":"  hi  "} and {"body":"hi"}
    assert_eq!(
        words[words.len() - 3..words.len() - 1],
        ["17", "13"],
        "{said}"
    );
    let again = hookcast(folder.path(), &bench);
    assert!(again.contains(&instructions.to_string()), "{said}{again}");

    let said = complaint(folder.path(), &with(&["--budget-instructions", "1000"]));
    assert!(said.contains("instructions, budget 1000"), "{said}");
    let said = complaint(folder.path(), &with(&["--budget-time", "1ns"]));
    assert!(
        said.contains("message.json:") && said.contains("over budget"),
        "{said}"
    );
}

#[tokio::test]
async fn a_failed_call_of_a_server_is_run_again() {
    let Some(folder) = script("a replayed script") else {
        return;
    };
    let folder = folder.path();
    let source = "export const version = \"7\";\n\
                  export function prepare(call, message) {\n\
                  \x20 console.log(\"seen\", Math.random());\n\
                  \x20 return { ...message, body: message.body.trim() };\n\
                  }\n";
    write(folder, "plugins/hello.js", source);
    let endpoint =
        "[endpoints.chat]\npath = \"/chat\"\ncolumns.body = \"TEXT\"\nplugins = [\"hello\"]\n";
    let server = Setup::new(endpoint)
        .script("hello.js", source)
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;
    let code = client
        .refused_with(json!({"body": 5, "_msg_id": "m-1"}))
        .await;
    assert_eq!(code, "plugin_failed");
    // The operator's line names the command.
    let line = server.log.with(&["hookcast plugin replay hello "]).await;
    let (_, id) = line
        .split_once("hookcast plugin replay hello ")
        .expect("an id");
    let id: String = id
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-.:".contains(*c))
        .collect();
    let access = server.admin_access();
    let access: Vec<&str> = access.iter().map(String::as_str).collect();
    let replay = [&["plugin", "replay", "hello", &id], &access[..]].concat();
    let said = hookcast(folder, &replay);
    assert!(
        said.contains("hello 7, generation 1: this very file"),
        "{said}"
    );
    assert!(said.contains("hello.js:4"), "{said}");
    assert!(
        said.contains("log       ") && said.contains("seen"),
        "{said}"
    );
    assert!(said.contains("the same as recorded"), "{said}");

    write(
        folder,
        "plugins/hello.js",
        &source.replace("message.body.trim()", "String(message.body)"),
    );
    let said = hookcast(folder, &replay);
    assert!(said.contains("another file than this one"), "{said}");
    assert!(said.contains("not as recorded"), "{said}");
    let nobody = [&["plugin", "replay", "hello", "nothing"], &access[..]].concat();
    let said = complaint(folder, &nobody);
    assert!(
        said.contains("nothing is no file") && said.contains("no_such_call"),
        "{said}"
    );
}
