//! The lines that the user types or pipes in.

use std::io::{BufRead, IsTerminal};

use rustyline::config::Configurer;
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::sync::{mpsc, oneshot};

/// Lines that may wait for the socket; then the pipe has to.
const WAITING_LINES: usize = 64;

/// What the input brings.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    Line(String),
    /// The user wants to leave now.
    Quit,
    /// A pipe has ended; answers may still be under way.
    End,
}

/// Prints above the line that is being edited.
pub(super) type Printer = Box<dyn ExternalPrinter + Send>;

/// Input that is being read on a thread of its own.
pub(super) struct Reading {
    pub input: mpsc::Receiver<Input>,
    /// There when someone is typing.
    pub printer: Option<Printer>,
    /// Likewise; closed when the terminal is as it was. Editing can't be interrupted, and
    /// a process that ends inside it leaves the terminal without echo. Once `input` is
    /// dropped, the editor ends at the next Enter.
    pub editing: Option<oneshot::Receiver<()>>,
}

/// Starts reading from the terminal or the pipe.
pub(super) fn start() -> rustyline::Result<Reading> {
    let (sender, input) = mpsc::channel(WAITING_LINES);
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        let mut editor = DefaultEditor::new()?;
        editor.set_auto_add_history(true);
        let printer = editor.create_external_printer()?;
        let (running, finished) = oneshot::channel();
        std::thread::spawn(move || {
            edit_lines(editor, &sender);
            drop(running);
        });
        return Ok(Reading {
            input,
            printer: Some(Box::new(printer)),
            editing: Some(finished),
        });
    }
    std::thread::spawn(move || read_lines(std::io::stdin().lock(), &sender));
    Ok(Reading {
        input,
        printer: None,
        editing: None,
    })
}

fn edit_lines(mut editor: DefaultEditor, sender: &mpsc::Sender<Input>) {
    loop {
        let input = match editor.readline("> ") {
            Ok(line) if line.trim() == "/quit" => Input::Quit,
            Ok(line) => Input::Line(line),
            // Ctrl-C, Ctrl-D, or a terminal that is gone.
            Err(_) => Input::Quit,
        };
        let last = input == Input::Quit;
        if sender.blocking_send(input).is_err() || last {
            return;
        }
    }
}

fn read_lines(lines: impl BufRead, sender: &mpsc::Sender<Input>) {
    for line in lines.lines() {
        let input = match line {
            Ok(line) if line.trim() == "/quit" => Input::Quit,
            Ok(line) => Input::Line(line),
            Err(error) => {
                eprintln!("hookcast: can't read the input: {error}");
                break;
            }
        };
        let last = input == Input::Quit;
        if sender.blocking_send(input).is_err() || last {
            return;
        }
    }
    let _ = sender.blocking_send(Input::End);
}

/// The frame for a line; none for an empty one.
pub(super) fn frame(line: &str) -> Option<String> {
    let line = line.trim();
    match line.chars().next()? {
        // Also what is no valid JSON: the server's answer to it is worth seeing.
        '{' | '[' => Some(line.to_owned()),
        _ => Some(serde_json::json!({ "_method": "POST", "body": line }).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_message_and_json_stays() {
        assert_eq!(frame("  "), None);
        assert_eq!(frame("{\"a\":1} ").as_deref(), Some("{\"a\":1}"));
        assert_eq!(frame("[oops").as_deref(), Some("[oops"));
        for text in ["hi", "7", "true", "\"quoted\""] {
            let message = serde_json::json!({ "_method": "POST", "body": text });
            assert_eq!(frame(text), Some(message.to_string()));
        }
    }

    #[test]
    fn a_pipe_ends_after_its_last_line_or_at_quit() {
        let read = |text: &'static str| {
            let (sender, mut receiver) = mpsc::channel(WAITING_LINES);
            read_lines(text.as_bytes(), &sender);
            drop(sender);
            std::iter::from_fn(move || receiver.blocking_recv()).collect::<Vec<_>>()
        };
        assert_eq!(read("a\n"), [Input::Line("a".into()), Input::End]);
        assert_eq!(read("/quit\nb\n"), [Input::Quit]);
    }
}
