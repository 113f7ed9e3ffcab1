//! Values of the config that are expressions: compiled here, so that a mistake in one is
//! found at start and shown in its place.

use super::reader::Wrong;
use super::value::Value;
use crate::expression::{Expression, Problem, Scope};

const REMEDY: &str = "docs/expressions.md says what expressions can do";

/// Reads an expression that may use these names. What is wrong with it is reported where
/// in the expression it is wrong; none then.
pub(super) fn read_expression(value: &Value<'_>, names: &[&'static str]) -> Option<Expression> {
    let text = value
        .text()
        .map_err(|wrong| value.reading.report_value(value, wrong));
    let text = text.ok()?;
    let compiled = Expression::compile_with(&text, names);
    compiled
        .map_err(|problem| report(value, &text, &problem))
        .ok()
}

/// Reads an expression that is to be true or false. What is wrong with it is reported; none
/// where it can't be used.
pub(super) fn read_condition(value: &Value<'_>, names: &[&'static str]) -> Option<Expression> {
    let expression = read_expression(value, names)?;
    let constant = constant(value, &expression).ok()?;
    if let Some(other) = constant.filter(|constant| !constant.is_boolean()) {
        let what = format!("gives {other}, neither true nor false");
        let remedy = "write a condition, as \"user != null\"";
        value.reading.report_value(value, Wrong::new(what, remedy));
    }
    Some(expression)
}

/// The value of an expression that is the same for everyone; none where it depends on
/// something.
///
/// # Errors
/// It never has a value. That has been reported.
pub(super) fn constant(
    value: &Value<'_>,
    expression: &Expression,
) -> Result<Option<serde_json::Value>, ()> {
    if !expression.is_constant() {
        return Ok(None);
    }
    match expression.evaluate(&Scope::new()) {
        Ok(constant) => Ok(Some(constant)),
        Err(problem) => {
            report(value, expression.text(), &problem);
            Err(())
        }
    }
}

fn report(value: &Value<'_>, text: &str, problem: &Problem) {
    let place = problem
        .column
        .and_then(|column| place_in(value, text, column));
    let (at, what) = match place {
        Some(at) => (at, problem.message.clone()),
        None => (value.at, problem.to_string()),
    };
    let what = format!("`{}` is no usable expression: {what}", value.key);
    value.reading.report(at, what, REMEDY);
}

/// Where in the file a character of the expression stands. None where the file has it in
/// other words: with escapes, or from the environment.
fn place_in(value: &Value<'_>, text: &str, column: usize) -> Option<usize> {
    let rest = value.reading.text_from(value.at);
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    let quote = quotes.into_iter().find(|quote| rest.starts_with(quote))?;
    let mut inside = &rest[quote.len()..];
    if quote.len() == 3 {
        // TOML leaves out a line's end that follows.
        inside = inside.strip_prefix("\r\n").unwrap_or(inside);
        inside = inside.strip_prefix('\n').unwrap_or(inside);
    }
    if !inside.starts_with(text) {
        return None;
    }
    let mut characters = text.char_indices().skip(column.saturating_sub(1));
    let offset = characters.next().map_or(text.len(), |(byte, _)| byte);
    Some(value.at + (rest.len() - inside.len()) + offset)
}
