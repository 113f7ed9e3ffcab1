//! The attacks: which guests there are, how the server is set up for them, and what makes each
//! do what it does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Deeds of the guest `intruder` in hooks that see a message.
const DEEDS: [&str; 24] = [
    "loop",
    "trap",
    "panic",
    "memory",
    "recurse",
    "overflow",
    "out_of_bounds",
    "huge",
    "not_json",
    "log_flood",
    "print",
    "print_flood",
    "print_endlessly",
    "effects",
    "large_effects",
    "publish_again",
    "publish_elsewhere",
    "sleep",
    "many_timers",
    "exit_0",
    "keep_pollables",
    "keep_streams",
    "poll_one_often",
    "much_random",
];
/// In hooks that see the query string.
const DOOR_DEEDS: [&str; 5] = ["loop", "trap", "sleep", "memory", "exit_0"];
const DOORS: [&str; 3] = ["connect", "open", "close"];
/// Guests that fail before they can be called: nobody can send them anything.
const NEVER_LOADED: [&str; 5] = [
    "raw-start-traps",
    "raw-start-loops",
    "raw-table-declared",
    "raw-memory-declared",
    "raw-aliased-description",
];
const INTRUDER: &str = "intruder";

/// One attack.
#[derive(Clone)]
pub enum Attack {
    /// A message's members, on the endpoint with this path.
    Message { path: String, members: String },
    /// A handshake on this path, and a close if it is accepted.
    Handshake(String),
}

/// Names and files of the guests that attack; each gets an endpoint of its own.
pub fn guests(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let files = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut guests = Vec::new();
    for file in files {
        let path = file?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.replace('_', "-");
        let attacks = name == INTRUDER || name.starts_with("raw-");
        let is_component = path.extension().is_some_and(|end| end == "wasm");
        if attacks && is_component && !NEVER_LOADED.contains(&&*name) {
            guests.push((name, path));
        }
    }
    guests.sort();
    ensure!(
        guests.iter().any(|(name, _)| name == INTRUDER),
        "{} has no guests that attack; make them with `cargo xtask guests`",
        folder.display()
    );
    Ok(guests)
}

/// Limits that bring attacks to their end soon, so that many fit in the time.
pub fn config(guests: &[(String, PathBuf)]) -> String {
    let tables = guests.iter().map(|(name, _)| {
        format!(
            "[plugins.{name}]\ngrants = [\"rows:write\"]\n\
             limits = {{ hook = \"50ms\", wall = \"500ms\", init = \"500ms\", instances = 8 }}\n"
        )
    });
    tables.collect()
}

/// All attacks by all guests that have `only` in their path or message.
pub fn all(guests: &[(String, PathBuf)], only: &str) -> Result<Vec<Attack>> {
    let mut attacks = Vec::new();
    for (name, _) in guests {
        let path = format!("/{name}");
        if name != INTRUDER {
            attacks.push(Attack::Handshake(format!("{path}?_one=1&_two=2")));
            let members = format!(r#""_type":"calls","body":"{}""#, "x".repeat(2_000));
            attacks.push(Attack::Message { path, members });
            continue;
        }
        for deed in DEEDS {
            let ways = [
                format!(r#""body":"-","count":2000,"do_defaults":"{deed}""#),
                format!(r#""body":"-","count":2000,"do_prepare":"{deed}""#),
                format!(r#""body":"-","count":2000,"do_modify":"{deed}""#),
                format!(r#""_type":"misbehave","count":2000,"do":"{deed}""#),
            ];
            let path = path.clone();
            attacks.extend(ways.map(|members| Attack::Message {
                path: path.clone(),
                members,
            }));
        }
        for door in DOORS {
            for deed in DOOR_DEEDS {
                attacks.push(Attack::Handshake(format!("{path}?_at_{door}={deed}")));
            }
        }
    }
    attacks.retain(|attack| attack.has(only));
    ensure!(
        !attacks.is_empty(),
        "there is no attack with `{only}` in it"
    );
    Ok(attacks)
}

impl Attack {
    fn has(&self, word: &str) -> bool {
        match self {
            Self::Message { path, members } => path.contains(word) || members.contains(word),
            Self::Handshake(path) => path.contains(word),
        }
    }
}
