//! Columns, cells and rows: what a table holds, as the host judges it before the
//! database sees it.
//!
//! The host fills every column itself (id, timestamp, defaults) and stores values only
//! in their column's own form, so that a `Row` is exactly what a later SELECT returns.

mod column;
mod form;

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::rejection::Rejection;

pub use column::{Column, Function};
pub use form::{Form, Type};

/// What a column holds, as messages and filters see it. SQL type names map onto these;
/// see [`Type::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    Text,
    Integer,
    Real,
    Boolean,
    /// DATE. Text, which filters read as ISO 8601; what of it is stored, its form says.
    Date,
    /// DATETIME and TIMESTAMP, likewise.
    Timestamp,
    /// Any value of JSON, whose cells are its text.
    Json,
}

impl ColumnType {
    /// The type as users read it in error messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number (64 bit)",
            Self::Real => "a number",
            Self::Boolean => "true or false",
            Self::Json => "any value",
            Self::Date => "a date as text (2023-04-01)",
            Self::Timestamp => "a time as text (2023-04-01T10:30:00)",
        }
    }

    /// Whether its cells are text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Date | Self::Timestamp)
    }

    /// Whether its cells are times, which compare by what they mean and not as text.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp)
    }
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Boolean(bool),
}

impl Cell {
    /// Takes a JSON value in the form its column stores; none when it does not fit.
    pub fn from_json(value: &Value, kind: ColumnType) -> Option<Self> {
        Some(match (value, kind) {
            (Value::Null, _) => Self::Null,
            (value, ColumnType::Json) => Self::Text(value.to_string()),
            (Value::String(text), kind) if kind.is_text() => Self::Text(text.clone()),
            (Value::Number(n), kind) if kind.is_text() => Self::Text(n.to_string()),
            (Value::Number(n), ColumnType::Integer) => Self::Integer(whole(n)?),
            (Value::Bool(b), ColumnType::Integer) => Self::Integer(i64::from(*b)),
            (Value::Number(n), ColumnType::Real) => Self::Real(n.as_f64()?),
            (Value::Bool(b), ColumnType::Boolean) => Self::Boolean(*b),
            (Value::Number(n), ColumnType::Boolean) => match whole(n)? {
                0 => Self::Boolean(false),
                1 => Self::Boolean(true),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// As its column shows it.
    pub fn shown(&self, kind: ColumnType) -> Value {
        match (self, kind) {
            // What other programs have stored may be none.
            (Self::Text(text), ColumnType::Json) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            _ => self.to_json(),
        }
    }

    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(n) => Value::from(*n),
            Self::Real(n) => Number::from_f64(*n).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::from(text.as_str()),
            Self::Boolean(b) => Value::from(*b),
        }
    }
}

/// A JSON number without a fraction, however it was written (`1`, `1.0`, `1e0`).
fn whole(n: &Number) -> Option<i64> {
    if let Some(n) = n.as_i64() {
        return Some(n);
    }
    let float = n.as_f64()?;
    // 2^53: beyond it a float no longer names one whole number.
    (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
}

/// An endpoint's table: the configured columns, then those that every table has where
/// they were not configured: its key, `user` and `timestamp`.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Position of the column that tells rows apart: the configured primary key, or `id`.
    pub key: usize,
}

/// What the key is called unless the config names another.
pub const ID: &str = "id";

impl Table {
    /// Completes the configured columns.
    pub fn new(name: String, mut columns: Vec<Column>) -> Self {
        let keyed = columns.iter().any(|column| column.primary_key);
        for forced in [ID, "user", "timestamp"] {
            let there = columns.iter().any(|column| column.name == forced);
            if !(there || keyed && forced == ID) {
                columns.push(Column::new(forced, ColumnType::Text));
            }
        }
        // Whatever text it was declared as, the host fills it with times.
        for column in &mut columns {
            if column.name == "timestamp" && column.kind == ColumnType::Text {
                column.kind = ColumnType::Timestamp;
            }
        }
        let named = columns.iter().position(|column| column.primary_key);
        let id = || columns.iter().position(|column| column.name == ID);
        let key = named.or_else(id).unwrap_or_default();
        if let Some(column) = columns.get_mut(key) {
            column.primary_key = true;
            column.nullable = false;
        }
        Self { name, columns, key }
    }

    /// The column that tells rows apart.
    pub fn key(&self) -> &Column {
        &self.columns[self.key]
    }

    /// Position of a column in every `Row` of the table.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }

    /// The row that a new message makes. Keys that are no columns are left out.
    pub fn new_row(&self, message: &Map<String, Value>) -> Result<Row, Rejection> {
        let cells = self
            .columns
            .iter()
            .map(|column| match message.get(&column.name) {
                Some(value) => column.cell(value),
                None => column.accept(column.fill()),
            });
        Ok(Row(cells.collect::<Result<_, _>>()?))
    }

    /// The row that a change makes of `old`; its key stays.
    pub fn changed_row(&self, old: &Row, message: &Map<String, Value>) -> Result<Row, Rejection> {
        let cells =
            self.columns
                .iter()
                .zip(&old.0)
                .map(|(column, old)| match message.get(&column.name) {
                    Some(value) if !column.primary_key => column.cell(value),
                    _ => Ok(old.clone()),
                });
        Ok(Row(cells.collect::<Result<_, _>>()?))
    }
}

/// The cells of one row, in the order of its table's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// As a JSON object in column order, which is how history sends it.
    pub fn to_json(&self, table: &Table) -> Map<String, Value> {
        let cells = table.columns.iter().zip(&self.0);
        cells
            .map(|(column, cell)| (column.name.clone(), cell.shown(column.kind)))
            .collect()
    }

    /// What the row is told apart by, as a message has it.
    pub fn key(&self, table: &Table) -> Value {
        self.0.get(table.key).map_or(Value::Null, Cell::to_json)
    }

    /// The same as text.
    pub fn id<'a>(&'a self, table: &Table) -> Cow<'a, str> {
        match self.0.get(table.key) {
            Some(Cell::Text(id)) => id.into(),
            Some(Cell::Integer(id)) => id.to_string().into(),
            _ => "".into(),
        }
    }
}

/// A change of one row, with what it was judged on.
#[derive(Debug, Clone, PartialEq)]
pub enum RowWrite {
    Insert {
        row: Row,
    },
    /// Written only where the stored row still equals `old`.
    Update {
        old: Row,
        row: Row,
    },
    /// Likewise.
    Delete {
        old: Row,
    },
}
