//! `hookcast plugin watch`: what is saved is live, and what does not load is told.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::log::Log;
use crate::support::{Setup, TestServer, guests, require};

/// A watching program. Ends with the test.
struct Watching {
    process: Child,
    said: Log,
}

impl Watching {
    fn start(folder: &Path, name: &str, server: &TestServer) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hookcast"))
            .args(["plugin", "watch", name])
            .args(server.admin_access())
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command");
        let said = Log::default();
        drop(said.follow(process.stdout.take().expect("a pipe")));
        drop(said.follow(process.stderr.take().expect("a pipe")));
        Self { process, said }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            self.said.print();
        }
    }
}

fn script(answer: &str) -> String {
    format!(
        "export const version = \"{answer}\";\n\
         export const handlers = {{ ask() {{ console.log(\"asked {answer}\"); return {{ answer: \"{answer}\" }}; }} }};\n"
    )
}

#[tokio::test]
async fn each_save_is_live_and_its_log_is_shown() {
    if !require::or_skip("a watched script", guests::runtime_missing()) {
        return;
    }
    let endpoint = "[endpoints.chat]\npath = \"/chat\"\nplugins = [\"hello\"]\n";
    let server = Setup::new(endpoint)
        .script("hello.js", &script("none"))
        .start()
        .await;
    let mut client = server.subscribe("/chat").await;

    // The author's folder, which is not the server's.
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("plugins/hello.js");
    fs::create_dir(folder.path().join("plugins")).expect("a folder");
    fs::write(&source, script("one")).expect("a script");
    let watching = Watching::start(folder.path(), "hello", &server);
    let said = &watching.said;
    said.with(&["hello serves as generation"]).await;
    said.with(&["ms  compile"]).await;
    said.with(&["live after"]).await;
    client.send(json!({"_type": "ask"})).await;
    assert_eq!(client.recv().await["answer"], "one");
    said.with(&["info", "asked one"]).await;

    fs::write(&source, "export const handlers = {;\n").expect("a script");
    said.with(&["hello.js:1"]).await;
    client.send(json!({"_type": "ask"})).await;
    assert_eq!(client.recv().await["answer"], "one", "it serves on");

    // As editors save: a new file in the old one's place.
    let saved = folder.path().join("plugins/hello.js.new");
    fs::write(&saved, script("two")).expect("a script");
    fs::rename(&saved, &source).expect("a rename");
    said.with(&["asked one"]).await;
    server.serves("hello", "two").await;
    client.send(json!({"_type": "ask"})).await;
    assert_eq!(client.recv().await["answer"], "two");
    said.with(&["asked two"]).await;
}
