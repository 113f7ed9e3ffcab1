//! Templates: minijinja over the message as modified, with dates as Gramex's users know
//! them. Text in HTML is escaped. A template sees nothing but what it is given, and ends:
//! fuel bounds its steps, a limit its output.

mod check;
mod date;
pub mod python;

use std::fmt;
use std::io;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

pub use date::moment;

/// Steps that one rendering may take: some thousand rows of a table, some milliseconds.
const FUEL: u64 = 200_000;

/// Bytes that one rendering may give.
pub const OUTPUT: usize = 4 << 20;

/// A template of the config, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its key in the config or its file, for errors.
    pub place: String,
    pub source: String,
    /// The output is HTML: what is put into it is escaped.
    pub html: bool,
}

/// What is wrong with a template, or why it could not be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub place: String,
    /// From 1; none where it is not known.
    pub line: Option<usize>,
    /// What went wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

static TEXT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(AutoEscape::None));
static HTML: LazyLock<Environment<'static>> = LazyLock::new(|| environment(AutoEscape::Html));

fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(move |_| escape);
    // What is missing is said, not left out: a mail that lacks half of its text would be
    // noticed by its reader only. A condition may ask whether it is there.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    date::add_filters(&mut environment);
    environment
}

impl Template {
    /// Checks what can be checked before there is a message: its syntax, and that its
    /// filters and tests exist.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Problem> {
        let source = self.readable()?;
        self.compiled(&source)?;
        check::names(self.environment(), &source).map_err(|(line, message)| Problem {
            place: self.place.clone(),
            line,
            message,
        })
    }

    /// Renders with these names.
    ///
    /// # Errors
    /// A name that is missing, a filter that can't do what it is asked for, a bound.
    pub fn render(&self, names: &Value) -> Result<String, Problem> {
        let source = self.readable()?;
        let template = self.compiled(&source)?;
        let mut output = Bounded(Vec::new());
        template
            .render_captured_to(names, &mut output)
            .map_err(|error| self.problem(&error))?;
        String::from_utf8(output.0).map_err(|_| Problem {
            place: self.place.clone(),
            line: None,
            message: "gave text that is not UTF-8".into(),
        })
    }

    /// The source with Python's imports made readable for minijinja.
    fn readable(&self) -> Result<String, Problem> {
        python::without_imports(&self.source).map_err(|(line, message)| Problem {
            place: self.place.clone(),
            line: Some(line),
            message,
        })
    }

    fn compiled<'s>(&self, source: &'s str) -> Result<minijinja::Template<'s, 's>, Problem> {
        let environment: &'s Environment<'s> = self.environment();
        environment
            .template_from_str(source)
            .map_err(|error| self.problem(&error))
    }

    fn environment(&self) -> &'static Environment<'static> {
        if self.html { &HTML } else { &TEXT }
    }

    fn problem(&self, error: &minijinja::Error) -> Problem {
        Problem {
            place: self.place.clone(),
            line: error.line(),
            message: said(error),
        }
    }
}

/// An error in words, with what to do where that is known.
fn said(error: &minijinja::Error) -> String {
    let kind = error.kind();
    let detail = error.detail().map(|detail| format!(": {detail}"));
    let detail = detail.unwrap_or_default();
    match kind {
        ErrorKind::UndefinedError => format!(
            "something is put in that the message does not have{detail}; where it may be \
             missing, write `{{{{ name | default(\"\") }}}}`"
        ),
        ErrorKind::OutOfFuel => format!("takes more than {FUEL} steps; make it shorter"),
        ErrorKind::WriteFailure => format!("gives more than {OUTPUT} bytes; make it shorter"),
        _ => format!("{kind}{detail}"),
    }
}

/// What a template gives, up to [`OUTPUT`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
