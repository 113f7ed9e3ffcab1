//! What the server writes to standard error.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::eventually;

/// All lines of one server, over all its restarts.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Collects until the pipe ends.
    pub fn follow(&self, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(without_colours(&line));
            }
        })
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The first line that has all of these words.
    pub async fn with(&self, words: &[&str]) -> String {
        let what = format!("a line of the log with {words:?}");
        eventually(&what, async || {
            self.lines()
                .into_iter()
                .find(|line| words.iter().all(|word| line.contains(word)))
        })
        .await
    }

    pub fn print(&self) {
        for line in self.lines() {
            eprintln!("server | {line}");
        }
    }
}

/// Words of a line are looked for, whatever a terminal would make of them.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}
