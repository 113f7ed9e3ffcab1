//! What was live of one plugin, in order.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The generations of one plugin, each digest once, by their first activation: a
/// rollback goes towards the front and what it leaves behind stays where it is.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    entries: Vec<Entry>,
}

/// One generation that was live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub generation: u64,
    pub version: String,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// What the file's name ends with.
    pub extension: String,
    /// UTC, RFC 3339.
    pub activated_at: String,
    pub outcome: Outcome,
    /// Why it was rolled back or quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Live,
    /// Another came after it.
    Replaced,
    /// An older one took its place again.
    RolledBack,
    /// It is in force, but not called.
    Quarantined,
}

impl Entry {
    /// A generation that is live now.
    pub fn new(generation: u64, version: &str, digest: &str, extension: &str) -> Self {
        Self {
            generation,
            version: version.to_owned(),
            digest: digest.to_owned(),
            extension: extension.to_owned(),
            activated_at: now(),
            outcome: Outcome::Live,
            reason: None,
        }
    }

    /// The same generation, live once more.
    pub fn live_again(self) -> Self {
        Self {
            activated_at: now(),
            outcome: Outcome::Live,
            reason: None,
            ..self
        }
    }

    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{}.{}", self.digest, self.extension)
    }

    /// In force, whether it is called or not.
    pub fn is_current(&self) -> bool {
        matches!(self.outcome, Outcome::Live | Outcome::Quarantined)
    }
}

fn now() -> String {
    // It fails for years beyond 9999 only.
    let now = OffsetDateTime::now_utc().format(&Rfc3339);
    now.unwrap_or_default()
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = &self.digest[..12.min(self.digest.len())];
        write!(
            f,
            "generation {} ({} {short})",
            self.generation, self.version
        )
    }
}

impl History {
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The one to go back to: the nearest before the current one that was not itself left
    /// by a rollback.
    pub fn before(&self) -> Option<&Entry> {
        let current = self.entries.iter().position(Entry::is_current)?;
        let earlier = self.entries[..current].iter().rev();
        earlier
            .into_iter()
            .find(|entry| entry.outcome != Outcome::RolledBack)
    }

    /// Notes that a generation is live; `back` when by a rollback, with the reason.
    pub fn live(&mut self, entry: Entry, back: Option<&str>, keep: usize) {
        let known = self
            .entries
            .iter()
            .position(|one| one.digest == entry.digest);
        let current = self.entries.iter().position(Entry::is_current);
        if let Some(current) = current.filter(|current| Some(*current) != known) {
            let left = &mut self.entries[current];
            let goes_back = back.filter(|_| known.is_some_and(|known| known < current));
            left.outcome = match goes_back {
                Some(_) => Outcome::RolledBack,
                None => Outcome::Replaced,
            };
            left.reason = goes_back.map(str::to_owned);
        }
        match known {
            // Deployed anew, it is the newest; gone back to, it stays where it was.
            Some(known) if back.is_some() || Some(known) == current => self.entries[known] = entry,
            _ => {
                known.map(|known| self.entries.remove(known));
                self.entries.push(entry);
            }
        }
        while self.entries.len() > keep {
            // The live one may be the oldest, after rollbacks.
            let oldest = self.entries.iter().position(|entry| !entry.is_current());
            self.entries.remove(oldest.unwrap_or(0));
        }
    }

    pub fn quarantined(&mut self, why: Option<&str>) {
        if let Some(current) = self.entries.iter_mut().find(|entry| entry.is_current()) {
            current.outcome = match why {
                Some(_) => Outcome::Quarantined,
                None => Outcome::Live,
            };
            current.reason = why.map(str::to_owned);
        }
    }

    /// Checks what becomes part of a path.
    pub fn check(&self) -> Result<(), String> {
        let hex =
            |digest: &str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
        let word = |text: &str| {
            (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        match self
            .entries
            .iter()
            .find(|entry| !hex(&entry.digest) || !word(&entry.extension))
        {
            Some(entry) => Err(format!("generation {} names no file", entry.generation)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(letters: &str) -> History {
        let mut history = History::default();
        for (at, letter) in letters.chars().enumerate() {
            history.live(entry(at as u64 + 1, letter), None, 10);
        }
        history
    }

    fn entry(generation: u64, letter: char) -> Entry {
        Entry::new(generation, "0.1.0", &letter.to_string().repeat(64), "wasm")
    }

    /// The digests' first letters, the current one in capitals, those left by a rollback
    /// with `!`.
    fn shown(history: &History) -> String {
        let entries = history.entries().iter();
        let shown = entries.map(|entry| match entry.outcome {
            Outcome::RolledBack => format!("{}!", &entry.digest[..1]),
            _ if entry.is_current() => entry.digest[..1].to_uppercase(),
            _ => entry.digest[..1].to_owned(),
        });
        shown.collect()
    }

    fn back(history: &mut History) {
        let to = history.before().expect("something to go back to").clone();
        let again = Entry {
            outcome: Outcome::Live,
            ..to
        };
        history.live(again, Some("why"), 10);
    }

    #[test]
    fn rollbacks_walk_back_and_uploads_go_on_from_there() {
        let mut history = history("abc");
        back(&mut history);
        assert_eq!(shown(&history), "aBc!");
        back(&mut history);
        assert_eq!(shown(&history), "Ab!c!");
        assert_eq!(history.before(), None);
        history.live(entry(7, 'd'), None, 10);
        assert_eq!(shown(&history), "ab!c!D");
        assert_eq!(history.before().map(|entry| entry.generation), Some(1));
        // One that was rolled back is deployed once more.
        history.live(entry(8, 'c'), None, 10);
        assert_eq!(shown(&history), "ab!dC");
        // Forward to a later one is no failure of the one left.
        back(&mut history);
        history.live(entry(9, 'c'), Some("why"), 10);
        assert_eq!(shown(&history), "ab!dC");
    }

    #[test]
    fn the_same_file_again_is_no_other_generation() {
        let mut history = history("ab");
        history.live(entry(9, 'b'), None, 10);
        assert_eq!(shown(&history), "aB");
        assert_eq!(history.entries()[1].generation, 9);
    }

    #[test]
    fn the_current_one_is_kept_whatever_its_age() {
        let mut history = history("abc");
        back(&mut history);
        back(&mut history);
        history.live(entry(9, 'a'), Some("why"), 2);
        assert_eq!(shown(&history), "Ac!");
    }
}
