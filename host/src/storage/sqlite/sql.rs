//! Small pieces of SQL text that reading and writing share.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, ValueRef as _};

use crate::row::{Cell, ColumnType, Row, Table};

/// A name as a quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table's columns, quoted and separated by commas.
pub fn column_list(table: &Table) -> String {
    let names: Vec<_> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    names.join(", ")
}

/// The type a column is declared with. Dates are declared TEXT: SQLite would turn
/// '2026' in a DATETIME column into a number.
pub fn declared_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Date | ColumnType::Timestamp | ColumnType::Json => "TEXT",
        ColumnType::Integer => "INTEGER",
        ColumnType::Real => "REAL",
        ColumnType::Boolean => "BOOLEAN",
    }
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Integer(n) => ToSqlOutput::Owned(Value::Integer(*n)),
            Self::Real(n) => ToSqlOutput::Owned(Value::Real(*n)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Boolean(b) => ToSqlOutput::Owned(Value::Integer(i64::from(*b))),
        })
    }
}

/// Reads the cells of `SELECT column_list(table) …`.
pub fn row_from(result: &SqliteRow, table: &Table) -> sqlx::Result<Row> {
    cells_from(result, table.columns.iter().map(|column| column.kind))
}

/// Reads the cells of a result whose columns have these types. Rows written by other
/// programs may hold what the column's type does not promise; such a value is read as
/// text.
pub fn cells_from(
    result: &SqliteRow,
    kinds: impl Iterator<Item = ColumnType>,
) -> sqlx::Result<Row> {
    let mut cells = Vec::with_capacity(result.len());
    for (at, kind) in kinds.enumerate() {
        let raw = result.try_get_raw(at)?;
        let cell = if raw.is_null() {
            Cell::Null
        } else {
            let stored = raw.type_info().to_string();
            match stored.as_str() {
                "INTEGER" | "BOOLEAN" => integer(result.try_get_unchecked(at)?, kind),
                "REAL" => Cell::Real(result.try_get_unchecked(at)?),
                _ => Cell::Text(result.try_get_unchecked(at)?),
            }
        };
        cells.push(cell);
    }
    Ok(Row(cells))
}

fn integer(n: i64, kind: ColumnType) -> Cell {
    match (kind, n) {
        (ColumnType::Boolean, 0 | 1) => Cell::Boolean(n == 1),
        (ColumnType::Real, n) => Cell::Real(n as f64),
        (_, n) => Cell::Integer(n),
    }
}
