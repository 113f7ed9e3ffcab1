//! `col|max`: one value out of all rows of a group.

use crate::rejection::Rejection;
use crate::row::{ColumnType, Table};

use super::problem::{bad, quoted, unknown_column};

/// Between a column and a function.
pub const SEPARATOR: char = '|';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregate {
    /// Position in the table's columns.
    pub column: usize,
    pub function: Function,
}

/// NULLs are left out; what is left of nothing is NULL, and 0 for `Count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Count,
    Sum,
    Average,
    Least,
    Greatest,
}

const FUNCTIONS: [(&str, Function); 5] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Average),
    ("min", Function::Least),
    ("max", Function::Greatest),
];

impl Aggregate {
    /// Reads `col|max`, the function in any case; none if there is no `|` in it.
    ///
    /// # Errors
    /// `bad_filter` for an unknown column or function, and for one that can't be applied.
    pub fn read(text: &str, table: &Table) -> Option<Result<Self, Rejection>> {
        let (name, function) = text.rsplit_once(SEPARATOR)?;
        Some(Self::of(text, name, function, table))
    }

    fn of(text: &str, name: &str, function: &str, table: &Table) -> Result<Self, Rejection> {
        let column = table.position(name);
        let column = column.ok_or_else(|| unknown_column(text, name, Some(table)))?;
        let mut functions = FUNCTIONS.iter();
        let known = functions.find(|(known, _)| known.eq_ignore_ascii_case(function));
        let Some((_, function)) = known else {
            let known = quoted(FUNCTIONS.iter().map(|(name, _)| *name));
            let message = format!("`{text}`: `{function}` is none of the functions {known}");
            return Err(bad(message));
        };
        let kind = table.columns[column].kind;
        let fits = match function {
            Function::Count => true,
            Function::Sum | Function::Average => is_number(kind),
            Function::Least | Function::Greatest => {
                !matches!(kind, ColumnType::Boolean | ColumnType::Json)
            }
        };
        if !fits {
            let message = format!("`{text}`: `{name}` is {}", kind.describe());
            return Err(bad(message));
        }
        let function = *function;
        Ok(Self { column, function })
    }

    /// As it is called in results.
    pub fn name(self, table: &Table) -> String {
        let mut functions = FUNCTIONS.iter();
        let known = functions.find(|(_, function)| *function == self.function);
        let function = known.map_or("", |(name, _)| *name);
        format!("{}{SEPARATOR}{function}", table.columns[self.column].name)
    }

    /// The type of its values.
    pub fn kind(self, table: &Table) -> ColumnType {
        match self.function {
            Function::Count => ColumnType::Integer,
            Function::Sum | Function::Average => ColumnType::Real,
            Function::Least | Function::Greatest => table.columns[self.column].kind,
        }
    }
}

/// Whether a column can be added up.
pub fn is_number(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Integer | ColumnType::Real)
}
