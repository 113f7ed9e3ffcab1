//! Somebody who does what the page says, in a folder of their own.
//!
//! The page's addresses are exchanged for free ones, and `ID` for the id of the last failed
//! call. Nothing else is.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::blocks::Block;
use crate::support::log::Log;
use crate::support::{admin, command, eventually, server};

pub struct Reader {
    folder: TempDir,
    /// What stands for 127.0.0.1:8080 and 127.0.0.1:8081.
    public: String,
    operators: String,
    /// `export NAME=VALUE`.
    variables: Vec<(String, String)>,
    serving: Option<Background>,
    watching: Option<Background>,
    last: Last,
}

/// The last command and what it printed.
enum Last {
    Nothing,
    /// Not run before what is to be typed is known.
    Connect(String),
    Said(String),
}

/// A program in a terminal of its own.
struct Background {
    process: Child,
    said: Log,
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            self.said.print();
        }
    }
}

impl Reader {
    pub fn new() -> Self {
        let (public, operators) = server::addresses();
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            public,
            operators,
            variables: Vec::new(),
            serving: None,
            watching: None,
            last: Last::Nothing,
        }
    }

    pub async fn follow(&mut self, block: &Block) {
        match block.language.as_str() {
            "sh" => {
                let count = block.text.lines().count();
                for (number, line) in block.text.lines().enumerate() {
                    let fails = block.fails && number + 1 == count;
                    self.run(line, fails).await;
                }
            }
            "text" => self.compare(&block.text),
            language => self.write(block, language),
        }
    }

    /// A file of the page.
    fn write(&self, block: &Block, language: &str) {
        let path = |name: &String| self.folder.path().join(name);
        let text = format!("{}\n", block.text);
        match (&block.file, &block.append) {
            (Some(file), None) => {
                assert!(path(file).is_file(), "{file} is not what `plugin new` made");
                fs::write(path(file), text).expect("a file");
            }
            (None, Some(file)) => {
                let before = fs::read_to_string(path(file)).expect("a file");
                fs::write(path(file), format!("{before}\n{text}")).expect("a file");
            }
            _ => panic!("nothing tests this {language}: {}", block.text),
        }
    }

    async fn run(&mut self, line: &str, fails: bool) {
        if let Some(variable) = line.strip_prefix("export ") {
            let (name, value) = variable.split_once('=').expect("a value");
            self.variables.push((name.into(), value.into()));
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["hookcast", "serve"] => self.serve().await,
            ["hookcast", "plugin", "watch", ..] => {
                let watching = self.start(&words);
                watching.said.with(&["live after"]).await;
                self.last = Last::Said(watching.said.lines().join("\n"));
                self.watching = Some(watching);
            }
            ["hookcast", "connect", url] => {
                self.last = Last::Connect(url.replace("127.0.0.1:8080", &self.public));
            }
            ["hookcast", ..] => {
                // What is watched would be uploaded twice.
                self.watching = None;
                self.ordinary(&words, fails).await;
            }
            _ => panic!("no command of hookcast: {line}"),
        }
    }

    async fn ordinary(&mut self, words: &[&str], fails: bool) {
        let id = match words.contains(&"ID") {
            true => self.failed_call().await,
            false => String::new(),
        };
        let words: Vec<_> = words
            .iter()
            .map(|word| if *word == "ID" { &*id } else { word })
            .collect();
        let output = self.command(&words).output().expect("the command runs");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.success(), !fails, "{words:?}: {said}");
        self.last = Last::Said(said);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookcast"));
        command
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", command::build_folder())
            .env_remove("HOOKCAST_ADMIN_TOKEN")
            .env_remove("RUST_LOG")
            .envs(self.variables.iter().cloned());
        let asks_a_server = words[1] == "admin"
            || (words[1] == "plugin" && ["watch", "replay", "logs"].contains(&words[2]));
        if asks_a_server {
            command.args(["--url", &format!("http://{}", self.operators)]);
        }
        command
    }

    fn start(&self, words: &[&str]) -> Background {
        let mut process = self
            .command(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command");
        let said = Log::default();
        drop(said.follow(process.stdout.take().expect("a pipe")));
        drop(said.follow(process.stderr.take().expect("a pipe")));
        Background { process, said }
    }

    /// Stops the server, if there is one, and starts it.
    async fn serve(&mut self) {
        self.serving = None;
        let config = self.folder.path().join("config/hookcast.toml");
        let text = fs::read_to_string(&config).expect("the config that `plugin new` made");
        if !text.contains("listen") {
            let listen = |table: &str, address: &str| format!("{table}\nlisten = {address:?}");
            let text = text
                .replace("[server]", &listen("[server]", &self.public))
                .replace("[admin]", &listen("[admin]", &self.operators));
            // One cache for all tests: each plugin is compiled once.
            let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
            let text = format!("{text}\n[engine]\ninstances = 64\ncache = {cache:?}\n");
            fs::write(&config, text).expect("the config");
        }
        let mut serving = self.start(&["hookcast", "serve"]);
        let url = format!("http://{}/readyz", self.operators);
        eventually("the server to be ready", async || {
            let ended = serving.process.try_wait().expect("its state");
            assert!(ended.is_none(), "the server ended with {ended:?}");
            let answer = admin::try_request("GET", &url, &[], Vec::new())
                .await
                .ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        self.serving = Some(serving);
        self.last = Last::Nothing;
    }

    /// The id of the last call that failed, as the server's log has it.
    async fn failed_call(&self) -> String {
        let words = "hookcast plugin replay hello ";
        let serving = self.serving.as_ref().expect("a server");
        let line = serving.said.with(&[words]).await;
        let (_, id) = line.split_once(words).expect("an id");
        let part = |c: &char| c.is_ascii_alphanumeric() || "-.:".contains(*c);
        id.chars().take_while(part).collect()
    }

    /// Compares what the last command said with what the page says.
    fn compare(&mut self, text: &str) {
        let said = match std::mem::replace(&mut self.last, Last::Nothing) {
            Last::Nothing => panic!("no command says this: {text}"),
            Last::Said(said) => said,
            Last::Connect(url) => self.talk(&url, text),
        };
        let mut lines = said.lines();
        for expected in text.lines().filter(|line| !line.starts_with("> ")) {
            let found = lines.any(|line| fits(line, expected));
            assert!(found, "the page says\n{text}\nbut it is\n{said}");
        }
    }

    /// Types what the page types.
    fn talk(&self, url: &str, text: &str) -> String {
        let mut connected = self
            .command(&["hookcast", "connect", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command");
        let mut input = connected.stdin.take().expect("a pipe");
        for line in text.lines().filter_map(|line| line.strip_prefix("> ")) {
            let _: Value = serde_json::from_str(line).expect("JSON");
            writeln!(input, "{line}").expect("it reads");
        }
        drop(input);
        let output = connected.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{url}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Whether a line has these parts in their order, the first at its beginning.
fn fits(line: &str, expected: &str) -> bool {
    let mut rest = line.trim();
    let parts: Vec<&str> = expected.trim().split('…').collect();
    let starts = rest.starts_with(parts[0]);
    let ends = rest.ends_with(parts[parts.len() - 1]);
    starts
        && ends
        && parts.iter().all(|part| {
            let found = rest.split_once(part);
            rest = found.map_or("", |(_, after)| after);
            found.is_some()
        })
}

#[test]
fn dots_stand_for_anything() {
    assert!(fits("  a 12 b 3", "a … b …"));
    assert!(fits("same", "same"));
    assert!(!fits("same and more", "same"));
    assert!(!fits("x a 12 b", "a … b"));
    assert!(!fits("a 12", "a … b"));
}
