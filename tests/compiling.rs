//! Compiling happens in a process of its own: a component that takes too much is refused,
//! and nobody else notices.

use std::ffi::OsString;
use std::fs::DirEntry;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::admin::Answer;
use crate::support::processes::{children, status};
use crate::support::{Setup, TestServer, bomb, eventually, guests};

const CONFIG: &str = r#"
    [plugins.versioned.limits]
    LIMITS
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    plugins = ["versioned"]
    [endpoints.plain]
    path = "/plain"
    columns.body = "TEXT"
"#;

fn setup(limits: &str) -> Setup {
    Setup::new(&CONFIG.replace("LIMITS", limits)).guest_as("versioned-a", "versioned")
}

/// The step and the message of a refused upload.
fn refusal(answer: &Answer) -> String {
    let (code, message) = answer.refused(422);
    assert_eq!(code, "load_failed", "{message}");
    assert!(message.contains("step compile"), "{message}");
    assert!(message.contains("versioned"), "{message}");
    message
}

/// The compiler's process, once it is confined.
async fn compiler(server: &TestServer) -> u32 {
    eventually("a compiler at work", async || {
        let pid = *children(server.pid()).first()?;
        (status(pid, "Seccomp")? == "2").then_some(pid)
    })
    .await
}

/// The old generation serves, and no process is left.
async fn all_is_well(server: &TestServer) {
    let shown = server.api("GET", "/api/plugins/versioned").await.ok();
    assert_eq!(shown["version"], "0.1.0", "{shown}");
    assert_eq!(shown["failure"]["step"], "compile", "{shown}");
    let mut client = server.subscribe("/chat").await;
    client.acked(json!({"body": "after"})).await;
    assert_eq!(client.recv().await["p"], "a");
    assert!(children(server.pid()).is_empty(), "no process is left");
    let file = server.folder().join("plugins/versioned.wasm");
    assert_eq!(
        std::fs::read(file).unwrap(),
        guests::bytes("versioned-a"),
        "the file is as it was"
    );
}

#[tokio::test]
async fn a_component_that_takes_too_long_is_refused() {
    let server = setup("compile_time = \"2s\"").start().await;
    let upload = server.api_with("PUT", "/api/plugins/versioned", bomb::of_time());
    let (answer, pid) = tokio::join!(upload, compiler(&server));
    let message = refusal(&answer);
    for word in ["2s", "limits.compile_time", "raise the limit"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    assert_eq!(status(pid, "State"), None, "the compiler is gone");
    all_is_well(&server).await;
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_is_refused() {
    let limits = "compile_memory = \"64 MiB\"\ncompile_time = \"60s\"";
    let server = setup(limits).start().await;
    let answer = server
        .api_with("PUT", "/api/plugins/versioned", bomb::of_memory())
        .await;
    let message = refusal(&answer);
    for word in ["64 MiB", "limits.compile_memory", "raise the limit"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    all_is_well(&server).await;
}

#[tokio::test]
async fn messages_are_served_while_a_plugin_compiles_and_a_killed_compiler_is_an_error() {
    let server = setup("compile_time = \"5m\"").start().await;
    let mut plain = server.subscribe("/plain").await;
    let mut chat = server.subscribe("/chat").await;
    let upload = server.api_with("PUT", "/api/plugins/versioned", bomb::of_time());
    let kill = async {
        let pid = compiler(&server).await;
        for n in 0..20 {
            plain.acked(json!({"body": n})).await;
            assert_eq!(plain.recv().await["body"], n);
            chat.acked(json!({"body": "on"})).await;
            assert_eq!(chat.recv().await["p"], "a");
        }
        // It has not ended meanwhile: what follows would not kill it.
        let killed = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
    };
    let (answer, ()) = tokio::join!(upload, kill);
    let message = refusal(&answer);
    assert!(message.contains("SIGKILL"), "{message}");
    all_is_well(&server).await;
    server.put_plugin("versioned", "versioned-b").await.ok();
}

/// The descriptors of a process, and where they lead.
fn open_files(pid: &str) -> Vec<(OsString, String)> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let files = files.map(|file| file.unwrap());
    // One of this process's own is the folder that is being read.
    let read = |file: DirEntry| Some((file.file_name(), std::fs::read_link(file.path()).ok()?));
    files
        .filter_map(read)
        .map(|(name, target)| (name, target.display().to_string()))
        .collect()
}

#[tokio::test]
async fn a_compiler_has_nothing_but_its_pipes() {
    let server = setup("compile_time = \"5m\"\ncompile_memory = \"512 MiB\"")
        .start()
        .await;
    let upload = server.api_with("PUT", "/api/plugins/versioned", bomb::of_time());
    let look = async {
        let pid = compiler(&server).await;
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
        assert_eq!(read("environ"), "");
        assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"));
        let limits = read("limits");
        let limit = |name: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(name));
            let mut words = line.expect(name).split_whitespace();
            (
                words.next().unwrap().to_owned(),
                words.next().unwrap().to_owned(),
            )
        };
        let both = |value: &str| (value.to_owned(), value.to_owned());
        assert_eq!(limit("Max data size"), both("536870912"));
        assert_eq!(limit("Max open files"), both("3"));
        assert_eq!(limit("Max file size"), both("0"));
        assert_eq!(limit("Max core file size"), both("0"));
        assert_eq!(limit("Max processes"), both("0"));
        assert_ne!(limit("Max cpu time"), both("unlimited"));
        // Cargo leaves descriptors open in all that it runs; they are none of the server's.
        let cargos = open_files("self");
        let own: Vec<_> = open_files(&pid.to_string())
            .into_iter()
            .filter(|file| !cargos.contains(file))
            .collect();
        assert!(
            own.len() == 3 && own.iter().all(|file| file.1.starts_with("pipe:")),
            "{own:?}"
        );
        let killed = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
    };
    tokio::join!(upload, look);
}

#[tokio::test]
async fn plugins_compile_after_the_executable_was_exchanged() {
    let here = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let binary = here.path().join("hookcast");
    std::fs::hard_link(env!("CARGO_BIN_EXE_hookcast"), &binary).unwrap();
    let server = setup("").binary(&binary).start().await;
    std::fs::remove_file(&binary).unwrap();
    std::fs::write(&binary, "#!/bin/sh\necho another version\n").unwrap();
    let done = server
        .api_with(
            "PUT",
            "/api/plugins/versioned",
            bomb::uncached("versioned-b"),
        )
        .await
        .ok();
    assert_eq!(
        (&done["version"], &done["cached"]),
        (&json!("0.2.0"), &json!(false))
    );
}

#[test]
fn a_compiler_of_another_version_refuses() {
    let hookcast = || Command::new(Path::new(env!("CARGO_BIN_EXE_hookcast")));
    let output = hookcast()
        .args(["compile-plugin", "--millis", "1000", "--memory", "67108864"])
        .args(["--compatibility", "another"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(output.stdout.is_empty());
    let help = hookcast().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("serve") && !help.contains("compile-plugin"),
        "{help}"
    );
}
