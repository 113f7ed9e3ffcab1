//! What is said about a bad filter.

use crate::nearest::nearest;
use crate::rejection::{Rejection, code};
use crate::row::Table;

/// Signs that operators are made of.
const SIGNS: [char; 5] = ['>', '<', '~', '*', '!'];

pub fn bad(message: String) -> Rejection {
    Rejection::new(code::BAD_FILTER, message)
}

/// `key` asks for a column `name`, which is not there.
pub fn unknown_column(key: &str, name: &str, table: Option<&Table>) -> Rejection {
    let Some(table) = table else {
        return bad(format!("`{key}`: this endpoint has no table to filter by"));
    };
    let columns = || table.columns.iter().map(|column| column.name.as_str());
    let hint = meant(name, table).map(|meant| format!("; write `{meant}`"));
    let near = || nearest(name, columns()).map(|near| format!("; did you mean `{near}`?"));
    let hint = hint.or_else(near).unwrap_or_default();
    let known = quoted(columns());
    bad(format!(
        "`{key}` is no column of this endpoint{hint}; its columns are {known}"
    ))
}

/// `n>2` is a key without a value; what was meant has a sign of equality.
fn meant(name: &str, table: &Table) -> Option<String> {
    let (column, _) = name.split_once(SIGNS)?;
    let value = name[column.len()..].trim_start_matches(SIGNS);
    table.position(column).filter(|_| !value.is_empty())?;
    let key = &name[..name.len() - value.len()];
    Some(format!("{key}={value}"))
}

/// A list of names, each in backticks.
pub fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
