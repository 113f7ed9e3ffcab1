//! One column: what its values are, and what fills it.

use serde_json::Value;
use uuid::Uuid;

use super::{Cell, ColumnType, Form};
use crate::clock::{iso_text, now_micros};
use crate::rejection::{Rejection, code};

/// One column of an endpoint's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    /// How its database holds what the server has as `kind`.
    pub form: Form,
    pub nullable: bool,
    /// What a POST stores when the message lacks the column.
    pub default: Cell,
    /// The same, made for each message.
    pub function: Option<Function>,
    /// It tells rows apart. Each table has one such.
    pub primary_key: bool,
    /// The server numbers new rows.
    pub autoincrement: bool,
}

/// What makes a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// The time, in UTC.
    Now,
    Uuid,
}

impl Column {
    /// One that may be empty and has no default.
    pub fn new(name: &str, kind: ColumnType) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            form: Form::Plain,
            nullable: true,
            default: Cell::Null,
            function: None,
            primary_key: false,
            autoincrement: false,
        }
    }

    /// What a POST stores that lacks it.
    pub(super) fn fill(&self) -> Cell {
        let made = match self.function {
            None => return self.default.clone(),
            // As text with milliseconds, like the databases' defaults that Gramex shows.
            Some(Function::Now) if self.form == Form::Plain => {
                let mut text = iso_text(now_micros());
                text.truncate(23);
                text
            }
            Some(Function::Now) => iso_text(now_micros()),
            Some(Function::Uuid) => Uuid::now_v7().to_string(),
        };
        self.form.stored(Cell::Text(made)).unwrap_or(Cell::Null)
    }

    /// A message's value as it will be stored.
    pub fn cell(&self, value: &Value) -> Result<Cell, Rejection> {
        // Gramex stores '' as NULL; clients of either rely on it in filters.
        if value.as_str() == Some("") {
            return self.accept(Cell::Null);
        }
        let refused = |what: &str, got: &str| {
            let message = format!("`{}` must be {what}; got {got}", self.name);
            Rejection::new(code::BAD_VALUE, message)
        };
        let cell = Cell::from_json(value, self.kind)
            .ok_or_else(|| refused(self.kind.describe(), kind_of(value)))?;
        let cell = self.form.stored(cell);
        let cell = cell.map_err(|what| refused(&what, "something else"))?;
        self.accept(cell)
    }

    pub(super) fn accept(&self, cell: Cell) -> Result<Cell, Rejection> {
        if cell == Cell::Null && !self.nullable {
            let message = format!("`{}` must not be empty; give it a value", self.name);
            return Err(Rejection::new(code::BAD_VALUE, message));
        }
        Ok(cell)
    }
}

/// What a JSON value is, for error messages that must not echo the whole value.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
