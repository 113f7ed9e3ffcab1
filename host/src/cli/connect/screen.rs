//! What the user sees: frames on standard output, everything else on standard error.

use std::io::IsTerminal;

use serde_json::Value;

use super::input::Printer;
use crate::cli::print_line;

/// Frames longer than this are spread over lines, on a terminal.
const ONE_LINE: usize = 100;

const RED: &str = "\x1b[31m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Where output goes, and how.
pub(super) struct Screen {
    /// None: plain output.
    printer: Option<Printer>,
    /// Standard output is a terminal, so that frames may be reformatted.
    terminal: bool,
    colour: bool,
}

impl Screen {
    pub fn new(printer: Option<Printer>) -> Self {
        let terminal = std::io::stdout().is_terminal();
        // https://no-color.org
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            printer,
            terminal,
            colour: terminal && !unwanted,
        }
    }

    /// Shows a frame; in a pipe exactly as it came, one a line.
    pub fn frame(&mut self, text: &str) {
        let shown = match self.terminal {
            true => pretty(text, self.colour),
            false => text.to_owned(),
        };
        self.print(shown);
    }

    /// Says something about the connection.
    pub fn note(&mut self, text: &str) {
        match self.printer {
            Some(_) if self.colour => self.print(format!("{DIM}{}{PLAIN}", harmless(text))),
            Some(_) => self.print(harmless(text)),
            None => eprintln!("{}", harmless(text)),
        }
    }

    fn print(&mut self, text: String) {
        match &mut self.printer {
            // When the terminal is gone there is nobody left to tell.
            Some(printer) => drop(printer.print(text + "\n")),
            None => print_line(text),
        }
    }
}

/// A frame for people: errors red, the protocol's own frames dim, long ones on several
/// lines.
fn pretty(text: &str, colour: bool) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return harmless(text);
    };
    let shown = match serde_json::to_string_pretty(&value) {
        Ok(pretty) if text.len() > ONE_LINE => pretty,
        _ => text.to_owned(),
    };
    let shown = harmless(&shown);
    let object = value.as_object();
    let paint = match object {
        Some(object) if object.contains_key("_error") => RED,
        // `_ack`, `_reset` and the like; a message has other keys.
        Some(object) if !object.is_empty() && object.keys().all(|key| key.starts_with('_')) => DIM,
        _ => return shown,
    };
    if colour {
        return format!("{paint}{shown}{PLAIN}");
    }
    shown
}

/// Shows control characters as escapes: what others send must not steer the terminal.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_coloured_by_what_they_are() {
        let error = r#"{"_error":{"code":"bad_json"}}"#;
        assert_eq!(pretty(error, true), format!("{RED}{error}{PLAIN}"));
        assert_eq!(pretty(error, false), error);
        let ack = r#"{"_ack":{"position":"a.1"}}"#;
        assert_eq!(pretty(ack, true), format!("{DIM}{ack}{PLAIN}"));
        let message = r#"{"body":"hi","_method":"POST"}"#;
        assert_eq!(pretty(message, true), message);
        assert!(pretty(&format!("[{}1]", "1,".repeat(60)), true).contains('\n'));
    }

    #[test]
    fn frames_can_not_steer_the_terminal() {
        for text in ["\x1b[2J", "{\"a\":\"\u{9b}2J\"}"] {
            let shown = pretty(text, false);
            assert!(!shown.chars().any(|c| c.is_control()), "{shown}");
        }
    }
}
