//! CEL expressions of the config: short conditions and values that need no plugin.
//!
//! An expression is compiled when the config is read and evaluated on what its [`Scope`]
//! holds. It can't loop, can't change anything and sees nothing else.

use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

/// Every name that an expression may use; which of them are there depends on where the
/// expression stands. `docs/expressions.md` lists both.
pub const NAMES: &[&str] = &[
    "msg", "row", "old", "user", "session", "args", "endpoint", "method", "now",
];

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    text: String,
    program: cel::Program,
    /// Those of [`NAMES`] that it uses: only they are converted.
    used: Vec<&'static str>,
}

/// What is wrong with an expression, or why it has no value this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A sentence without a full stop, to be said after which expression it was.
    pub message: String,
    /// Where in the expression's text, from 1, in characters. None where it is not known,
    /// as in evaluation.
    pub column: Option<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match self.column {
            Some(column) => write!(f, " (column {column} of the expression)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            column: None,
        }
    }
}

/// What an expression is evaluated on.
#[derive(Debug, Default)]
pub struct Scope {
    named: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    name: &'static str,
    json: Value,
    /// Made when the first expression asks for it, and shared by those that follow.
    cel: OnceLock<cel::Value>,
}

impl Scope {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value under one of [`NAMES`]; a later one replaces an earlier one.
    #[must_use]
    pub fn with(mut self, name: &'static str, json: Value) -> Self {
        self.set(name, json);
        self
    }

    /// As [`Self::with`].
    pub fn set(&mut self, name: &'static str, json: Value) {
        self.named.retain(|named| named.name != name);
        self.named.push(Named {
            name,
            json,
            cel: OnceLock::new(),
        });
    }
}

impl Expression {
    /// Compiles an expression that may use any of [`NAMES`].
    pub fn compile(text: &str) -> Result<Self, Problem> {
        Self::compile_with(text, NAMES)
    }

    /// Compiles an expression that may use these names only, each of [`NAMES`].
    pub fn compile_with(text: &str, names: &[&'static str]) -> Result<Self, Problem> {
        let program = cel::Program::compile(text)
            .map_err(|errors| Problem::new(errors.to_string()))?;
        let references = program.references();
        let used = names
            .iter()
            .copied()
            .filter(|name| references.has_variable(name))
            .collect();
        Ok(Self {
            text: text.to_owned(),
            program,
            used,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the expression uses this name: what it does not use need not be collected.
    pub fn uses(&self, name: &str) -> bool {
        self.used.contains(&name)
    }

    /// The expression's value. Fails where it has none: a key that is not there, a text
    /// added to a number, a name that is not in the scope.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, Problem> {
        let mut context = cel::Context::default();
        for named in &scope.named {
            if self.uses(named.name) {
                let value = named.cel.get_or_init(|| to_cel(&named.json));
                context.add_variable_from_value(named.name, value.clone());
            }
        }
        let value = self
            .program
            .execute(&context)
            .map_err(|error| Problem::new(error.to_string()))?;
        from_cel(&value)
    }

    /// Evaluates a condition: anything but true or false is a problem, not an answer.
    pub fn holds(&self, scope: &Scope) -> Result<bool, Problem> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(Problem::new(format!(
                "the condition gives {other}, neither true nor false"
            ))),
        }
    }
}

fn to_cel(json: &Value) -> cel::Value {
    cel::to_value(json).unwrap_or(cel::Value::Null)
}

fn from_cel(value: &cel::Value) -> Result<Value, Problem> {
    value
        .json()
        .map_err(|_| Problem::new("the value has no JSON form"))
}
