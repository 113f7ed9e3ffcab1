//! What is wrong with a config file: every independent error of one pass, in the order
//! of the file.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in the file as editors count it: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of a byte of the text. Any byte will do, also one past the end.
    pub(super) fn of(text: &str, byte: usize) -> Self {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// None when the file could not be read at all.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything that is wrong with one file; never empty. Displayed as one line each:
/// `file:line:column: what; remedy`, which editors and terminals turn into links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    pub file: PathBuf,
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// The file as a whole can't be used.
    pub(super) fn unreadable(
        file: &Path,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let error = ConfigError {
            place: None,
            what: what.into(),
            remedy: remedy.into(),
        };
        Self {
            file: file.to_owned(),
            errors: vec![error],
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.errors.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some(place) = error.place {
                write!(f, "{place}:")?;
            }
            write!(f, " {}; {}", error.what, error.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
