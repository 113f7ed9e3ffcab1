//! `auth` of an endpoint: who may connect.

use std::sync::Arc;

use super::optional_text;
use crate::config::reader::{Section, Wrong};
use crate::config::value::Value;
use crate::expression::Expression;

/// What a condition may look at: there is no message yet.
const NAMES: &[&str] = &["user", "session", "args", "endpoint"];

/// Who may connect, before any plugin is asked. By default: everybody.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointAuth {
    /// Known users only.
    pub required: bool,
    /// Those of whom this is true.
    pub condition: Option<Condition>,
}

/// A compiled condition; two are equal when they are written alike.
#[derive(Debug, Clone)]
pub struct Condition(pub Arc<Expression>);

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl EndpointAuth {
    pub(in crate::config) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            required: section.read("required", false, Value::flag),
            condition: section.read("condition", None, condition),
        };
        section.finish();
        config
    }
}

/// An expression; empty is none.
fn condition(value: &Value<'_>) -> Result<Option<Condition>, Wrong> {
    let Some(text) = optional_text(value)? else {
        return Ok(None);
    };
    let expression = Expression::compile_with(&text, NAMES).map_err(|problem| {
        let names = NAMES.join("`, `");
        let remedy = format!("write a condition on `{names}`, as \"user.role == 'admin'\"");
        Wrong::new(format!("is no expression: {problem}"), remedy)
    })?;
    Ok(Some(Condition(Arc::new(expression))))
}
