//! CEL expressions of the config: short conditions and values that need no plugin.
//!
//! An expression is compiled when the config is read and evaluated on what its [`Scope`]
//! holds. It can change nothing and sees nothing else; how long it may take is bounded
//! (`expression/bounds.rs`). What it can do is in `docs/expressions.md`.

mod bounds;
mod check;
mod convert;
#[cfg(test)]
mod fuzz;
mod scope;
#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, IdedExpr};
use serde_json::Value;

pub use scope::{NAMES, Scope};

/// Longest expression, in bytes.
const LONGEST: usize = 2_048;
/// The parser recurses, several calls for each level of an expression. Of this, only what
/// is used is taken.
const PARSER_STACK: usize = 64 << 20;
/// Longest text of what went wrong that is passed on, in characters: it may show values.
const LONGEST_PROBLEM: usize = 200;

/// Functions and types, the same for all expressions.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(bounds::environment()));

/// A compiled expression. Cheap to clone; two are equal when they are written the same.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    program: Arc<IdedExpr>,
    /// Those of [`NAMES`] that it uses.
    used: Arc<[&'static str]>,
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

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            column: None,
        }
    }

    /// With the place of a byte of the text.
    fn at(message: impl Into<String>, text: &str, byte: usize) -> Self {
        let before = text.char_indices().take_while(|(start, _)| *start < byte);
        Self {
            message: message.into(),
            column: Some(before.count() + 1),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match self.column {
            Some(column) => write!(f, " (at its character {column})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl Expression {
    /// Compiles an expression that may use any of [`NAMES`].
    ///
    /// # Errors
    /// It is not CEL, or uses names or functions that are not there.
    pub fn compile(text: &str) -> Result<Self, Problem> {
        Self::compile_with(text, NAMES)
    }

    /// Compiles an expression that may use these names only, each of [`NAMES`].
    ///
    /// # Errors
    /// As of [`Self::compile`].
    pub fn compile_with(text: &str, names: &[&'static str]) -> Result<Self, Problem> {
        if text.len() > LONGEST {
            let message = format!("it is longer than {LONGEST} bytes: write a plugin for that");
            return Err(Problem::new(message));
        }
        std::thread::scope(|scope| {
            let parser = std::thread::Builder::new()
                .name("expression".into())
                .stack_size(PARSER_STACK);
            let compiled = parser.spawn_scoped(scope, || Self::parse(text, names));
            let compiled = compiled.map_err(|error| Problem::new(error.to_string()))?;
            // The parser is generated code, which panics on some inputs.
            compiled.join().unwrap_or_else(|_| Err(panicked()))
        })
    }

    fn parse(text: &str, names: &[&'static str]) -> Result<Self, Problem> {
        let parsed = ENVIRONMENT.parser().parse_with_source_info(text);
        let (mut program, source) = parsed.map_err(|errors| check::syntax(text, &errors))?;
        let used = check::references(text, &program, &source, names)?;
        bounds::insert(&mut program);
        Ok(Self {
            text: text.into(),
            program: Arc::new(program),
            used: used.into(),
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

    /// Whether its value is the same each time.
    pub fn is_constant(&self) -> bool {
        self.used.is_empty()
    }

    /// The expression's value.
    ///
    /// # Errors
    /// It has none: a key is not there, a text is added to a number, a list is too long to
    /// be gone through.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Problem> {
        let evaluate = || {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            context.set_variable_resolver(scope);
            let value = bounds::within(|| cel::Value::resolve(&self.program, &context));
            let value = value?.map_err(|error| problem_of(&error))?;
            convert::to_json(&value)
        };
        // One expression of somebody else's library must not end the task of a connection.
        // What it has seen is dropped with it, except for what never changes.
        catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|_| Err(panicked()))
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// As of [`Self::evaluate`]; and anything but true or false is a problem, not an answer.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Problem> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(Problem::new(shortened(&format!(
                "it gives {other}, neither true nor false"
            )))),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.used == other.used
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

fn panicked() -> Problem {
    Problem::new("it can't be handled; write it in another way")
}

/// In words, and without values where these can be large or somebody's.
fn problem_of(error: &ExecutionError) -> Problem {
    let cannot = |what: &str, types: &[String]| match (what, types) {
        ("_._" | "_[_]", [of, ..]) if of == "null_type" => "null has no keys".to_owned(),
        _ => {
            let what = what.trim_matches('_');
            format!("`{what}` can't be done with {}", types.join(", "))
        }
    };
    let types = |values: &[&cel::Value]| {
        let types = values.iter().map(|value| value.type_of().to_string());
        types.collect::<Vec<_>>()
    };
    Problem::new(match error {
        ExecutionError::NoSuchKey(key) => shortened(&format!("there is no `{key}`")),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}` here"),
        ExecutionError::NoSuchOverload(overload) => {
            cannot(overload.function(), overload.argument_types())
        }
        ExecutionError::UnsupportedBinaryOperator(operator, one, other) => {
            cannot(operator, &types(&[one, other]))
        }
        ExecutionError::ValuesNotComparable(one, other) => {
            cannot("comparing", &types(&[one, other]))
        }
        ExecutionError::UnsupportedIndex(index, of) => cannot("[]", &types(&[of, index])),
        ExecutionError::UnsupportedTargetType { target } => cannot("it", &types(&[target])),
        ExecutionError::NotSupportedAsMethod { method, target } => {
            cannot(method, &types(&[target]))
        }
        ExecutionError::UnsupportedKeyType(key) => {
            format!("a value of type {} can't be a key", key.type_of())
        }
        ExecutionError::DuplicateKey(_) => "it gives an object the same key twice".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::Overflow(operator, ..) => {
            format!("`{operator}` gives a number beyond 64 bits")
        }
        ExecutionError::IndexOutOfBounds(_) => "the list is not that long".to_owned(),
        other => shortened(&other.to_string()),
    })
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_PROBLEM) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
