//! What a subscriber wants to see: conditions on columns, taken from the query string.
//!
//! One tree, two uses: as SQL for history, as a predicate for the live stream. Both look
//! at *stored rows*, so they select the same ones (promise P7). A column that is NULL
//! matches nothing.

use std::hash::{Hash, Hasher};

use crate::rejection::{Rejection, code};
use crate::row::{Cell, Row, Table};

/// Query keys with their values, in order.
pub type Args = Vec<(String, Vec<String>)>;

/// Reads a query string; a key that occurs again adds a value.
pub fn parse_query(query: &str) -> Args {
    let mut args: Args = Vec::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match args.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value.into_owned()),
            None => args.push((key.into_owned(), vec![value.into_owned()])),
        }
    }
    args
}

/// The first value of a reserved key such as `_after`.
pub fn reserved<'a>(args: &'a Args, key: &str) -> Option<&'a str> {
    let (_, values) = args.iter().find(|(known, _)| known == key)?;
    values.first().map(String::as_str)
}

/// `column = any of these values`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Position in the table's columns.
    pub column: usize,
    pub any_of: Vec<Cell>,
}

/// All of its conditions must hold; none hold for everyone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter(pub Vec<Condition>);

impl Filter {
    /// Reads the filter out of a connection's query keys. Keys that begin with `_` are
    /// never filters.
    ///
    /// # Errors
    /// `bad_filter` for a key that is no column, or a value that is none of its type.
    pub fn parse(args: &Args, table: Option<&Table>) -> Result<Self, Rejection> {
        let mut conditions = Vec::new();
        for (key, values) in args.iter().filter(|(key, _)| !key.starts_with('_')) {
            let column = table.and_then(|table| table.position(key)).ok_or_else(|| {
                let known = table.map_or_else(String::new, names);
                let message = format!("`{key}` is no column of this endpoint{known}");
                Rejection::new(code::BAD_FILTER, message)
            })?;
            let kind = table.map_or(crate::row::ColumnType::Text, |t| t.columns[column].kind);
            let any_of = values.iter().map(|value| {
                Cell::from_text(value, kind).ok_or_else(|| {
                    let message = format!("`{key}={value}`: `{key}` is {}", kind.describe());
                    Rejection::new(code::BAD_FILTER, message)
                })
            });
            conditions.push(Condition {
                column,
                any_of: any_of.collect::<Result<_, _>>()?,
            });
        }
        // One order for one meaning: equal filters share a class.
        conditions.sort_by_key(|condition| condition.column);
        Ok(Self(conditions))
    }

    pub fn matches(&self, row: &Row) -> bool {
        self.0
            .iter()
            .all(|condition| condition.any_of.contains(&row.0[condition.column]))
    }

    /// As a WHERE clause (empty without conditions) and the values it binds.
    pub fn to_sql<'a>(
        &'a self,
        table: &Table,
        quote: fn(&str) -> String,
    ) -> (String, Vec<&'a Cell>) {
        let clauses: Vec<_> = self
            .0
            .iter()
            .map(|condition| {
                let marks = vec!["?"; condition.any_of.len()].join(", ");
                format!(
                    "{} IN ({marks})",
                    quote(&table.columns[condition.column].name)
                )
            })
            .collect();
        let values = self
            .0
            .iter()
            .flat_map(|condition| &condition.any_of)
            .collect();
        let keyword = if clauses.is_empty() { "" } else { " WHERE " };
        (format!("{keyword}{}", clauses.join(" AND ")), values)
    }
}

fn names(table: &Table) -> String {
    let names: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    format!("; its columns are {}", names.join(", "))
}

// Filters are keys of delivery classes. Cells hold floats, which are compared by bits
// there: two NaNs from one query string may share a class.
impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for condition in &self.0 {
            condition.column.hash(state);
            condition
                .any_of
                .iter()
                .for_each(|cell| CellKey::of(cell).hash(state));
        }
    }
}

/// A cell as a key of an index.
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
}
