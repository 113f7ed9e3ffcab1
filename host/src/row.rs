//! Columns, cells and rows: what a table holds, as the host judges it before the
//! database sees it.
//!
//! The host fills every column itself (id, timestamp, defaults) and stores values only
//! in their column's own form, so that a `Row` is exactly what a later SELECT returns.

use serde_json::{Map, Number, Value};

use crate::rejection::{Rejection, code};

/// What a column holds. SQL type names map onto these; see [`ColumnType::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    Text,
    Integer,
    Real,
    Boolean,
    /// DATE. Stored as the text that was sent; filters read it as ISO 8601.
    Date,
    /// DATETIME and TIMESTAMP, likewise.
    Timestamp,
}

impl ColumnType {
    /// SQL type names that are understood, for error messages.
    pub const NAMES: &[&str] = &[
        "TEXT",
        "VARCHAR(n)",
        "CHAR(n)",
        "DATE",
        "DATETIME",
        "TIMESTAMP",
        "INTEGER",
        "INT",
        "SMALLINT",
        "BIGINT",
        "REAL",
        "FLOAT",
        "DOUBLE",
        "BOOLEAN",
    ];

    /// Reads a SQL type name in any case. Dates are text in ISO 8601.
    pub fn parse(name: &str) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        let base = upper.split('(').next().unwrap_or("").trim();
        Some(match base {
            "TEXT" | "VARCHAR" | "CHAR" => Self::Text,
            "DATE" => Self::Date,
            "DATETIME" | "TIMESTAMP" => Self::Timestamp,
            "INTEGER" | "INT" | "SMALLINT" | "BIGINT" => Self::Integer,
            "REAL" | "FLOAT" | "DOUBLE" | "DOUBLE PRECISION" => Self::Real,
            "BOOLEAN" | "BOOL" => Self::Boolean,
            _ => return None,
        })
    }

    /// The type as users read it in error messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number (64 bit)",
            Self::Real => "a number",
            Self::Boolean => "true or false",
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

/// One column of an endpoint's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub nullable: bool,
    /// What a POST stores when the message lacks the column.
    pub default: Cell,
}

/// An endpoint's table: the configured columns, then `id`, `user`, `timestamp` where
/// they were not configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

impl Table {
    /// Completes the configured columns with those every table has.
    pub fn new(name: String, mut columns: Vec<Column>) -> Self {
        for forced in ["id", "user", "timestamp"] {
            if !columns.iter().any(|column| column.name == forced) {
                columns.push(Column {
                    name: forced.to_owned(),
                    kind: ColumnType::Text,
                    nullable: forced != "id",
                    default: Cell::Null,
                });
            }
        }
        // Whatever text it was declared as, the host fills it with times.
        for column in &mut columns {
            if column.name == "timestamp" && column.kind == ColumnType::Text {
                column.kind = ColumnType::Timestamp;
            }
        }
        Self { name, columns }
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
                None => column.accept(column.default.clone()),
            });
        Ok(Row(cells.collect::<Result<_, _>>()?))
    }

    /// The row that a change makes of `old`; `id` stays.
    pub fn changed_row(&self, old: &Row, message: &Map<String, Value>) -> Result<Row, Rejection> {
        let cells =
            self.columns
                .iter()
                .zip(&old.0)
                .map(|(column, old)| match message.get(&column.name) {
                    Some(value) if column.name != "id" => column.cell(value),
                    _ => Ok(old.clone()),
                });
        Ok(Row(cells.collect::<Result<_, _>>()?))
    }
}

impl Column {
    fn cell(&self, value: &Value) -> Result<Cell, Rejection> {
        // Gramex stores '' as NULL; clients of either rely on it in filters.
        if value.as_str() == Some("") {
            return self.accept(Cell::Null);
        }
        let cell = Cell::from_json(value, self.kind).ok_or_else(|| {
            Rejection::new(
                code::BAD_VALUE,
                format!(
                    "`{}` must be {}; got {}",
                    self.name,
                    self.kind.describe(),
                    kind_of(value)
                ),
            )
        })?;
        self.accept(cell)
    }

    fn accept(&self, cell: Cell) -> Result<Cell, Rejection> {
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

/// The cells of one row, in the order of its table's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// As a JSON object in column order, which is how history sends it.
    pub fn to_json(&self, table: &Table) -> Map<String, Value> {
        let names = table.columns.iter().map(|column| column.name.clone());
        names.zip(self.0.iter().map(Cell::to_json)).collect()
    }

    /// The row's id. Tables have an `id` column that is never NULL.
    pub fn id<'a>(&'a self, table: &Table) -> &'a str {
        match table.position("id").map(|at| &self.0[at]) {
            Some(Cell::Text(id)) => id,
            _ => "",
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
