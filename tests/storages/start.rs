//! What keeps a server from starting on a database, and what it says to do.

use std::process::Stdio;

use crate::on_each_database;
use crate::support::kept::Kept;
use crate::support::{Setup, TestServer};

on_each_database!(
    another_hookcast_and_a_newer_schema_are_refused,
    what_is_wrong_with_the_url_is_said,
);

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
"#;

/// What a server says that can't start.
pub async fn last_words(server: &TestServer) -> String {
    let output = tokio::process::Command::from(server.command())
        .stderr(Stdio::piped())
        .output();
    let output = crate::support::within("the server to give up", output).await;
    let output = output.expect("its output");
    assert!(!output.status.success(), "it must not start");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
pub fn assert_says(words: &str, expected: &[&str]) {
    for expected in expected {
        assert!(words.contains(expected), "`{expected}` is not in: {words}");
    }
}

async fn another_hookcast_and_a_newer_schema_are_refused(kept: Kept) {
    let mut first = kept.of(Setup::new(CONFIG)).start().await;
    if !matches!(kept, Kept::Sqlite) {
        let second = kept.of(Setup::new(CONFIG)).prepare();
        let words = last_words(&second).await;
        assert_says(
            &words,
            &[
                "another hookcast serves this database",
                "stop it",
                "hookcast.toml",
            ],
        );
    }
    first.terminate();
    first.ended().await;
    let newer = match kept {
        Kept::Sqlite => "PRAGMA user_version = 1000",
        _ => "UPDATE hookcast_schema SET version = 1000",
    };
    kept.execute(&first, newer).await;
    let words = last_words(&first).await;
    assert_says(
        &words,
        &["schema version 1000", "start that one, or restore a backup"],
    );
}

async fn what_is_wrong_with_the_url_is_said(kept: Kept) {
    let server = kept.of(Setup::new(CONFIG)).start().await;
    let (scheme, option, cases): (_, _, &[(&str, &str, &[&str])]) = match &kept {
        Kept::Sqlite => return,
        Kept::Postgres(running, _) => {
            kept.execute(&server, "CREATE ROLE eve LOGIN PASSWORD 'right'")
                .await;
            // Others need none.
            running.ask_for_password("eve");
            kept.execute(&server, "SELECT pg_reload_conf()").await;
            let cases: &[(&str, &str, &[&str])] = &[
                (
                    "eve:secret",
                    "postgres",
                    &["does not let the user `eve` in"],
                ),
                (
                    "nobody:secret",
                    "postgres",
                    &["does not let the user `nobody` in"],
                ),
                (
                    "test",
                    "missing",
                    &["no database `missing`", "CREATE DATABASE missing"],
                ),
            ];
            ("postgres", "host", cases)
        }
        Kept::MariaDb(..) => {
            kept.execute(&server, "CREATE USER eve@localhost IDENTIFIED BY 'right'")
                .await;
            let cases: &[(&str, &str, &[&str])] = &[
                ("eve:secret", "test", &["does not let the user `eve` in"]),
                ("root", "missing", &["missing", "CREATE DATABASE missing"]),
                (
                    "eve:right",
                    "test",
                    &["give the user `eve` all rights on it"],
                ),
            ];
            ("mysql", "socket", cases)
        }
    };
    let url = match &kept {
        Kept::Sqlite => return,
        Kept::Postgres(running, _) | Kept::MariaDb(running, _) => running.url.clone(),
    };
    let (_, place) = url.split_once(&format!("{option}=")).expect("a socket");
    for (user, database, expected) in cases {
        let url = format!("{scheme}://{user}@localhost/{database}?{option}={place}");
        let words = last_words(&Setup::new(CONFIG).storage(&url).prepare()).await;
        assert_says(&words, expected);
        assert!(!words.contains("secret"), "no password is told: {words}");
    }
    // Nobody listens, and nobody is called so.
    for host in ["127.0.0.1:1", "nobody.invalid"] {
        let url = format!("{scheme}://me:secret@{host}/chat");
        let words = last_words(&Setup::new(CONFIG).storage(&url).prepare()).await;
        assert_says(&words, &["can't be reached", "check host and port"]);
        assert!(!words.contains("secret"), "no password is told: {words}");
    }
}
