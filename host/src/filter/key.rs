//! Cells as keys of hash indexes.

use crate::row::{Cell, ColumnType};

use super::date;

/// A cell that can be hashed. Cells are equal if their keys are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CellKey {
    Null,
    Integer(i64),
    Real(u64),
    Text(String),
    Boolean(bool),
}

impl CellKey {
    pub fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Integer(n) => Self::Integer(*n),
            // 0.0 and -0.0 are equal and must be one key.
            Cell::Real(n) => Self::Real((n + 0.0).to_bits()),
            Cell::Text(text) => Self::Text(text.clone()),
            Cell::Boolean(b) => Self::Boolean(*b),
        }
    }

    /// The key of a stored cell, which a filter's value has if both are equal.
    pub fn stored(cell: &Cell, kind: ColumnType) -> Self {
        match cell {
            Cell::Text(text) if kind.is_time() => Self::Text(date::written_out(text)),
            _ => Self::of(cell),
        }
    }
}
