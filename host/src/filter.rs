//! What a subscriber wants to see: conditions on columns, taken from the query string.
//!
//! One tree, two uses: as SQL for history, as a predicate for the live stream. Both look
//! at *stored rows* and mean the same, so they select the same ones (promise P7).
//! `docs/filters.md` is the language as its users know it.
//!
//! ```text
//! query string ─▶ View ─┬▶ Filter: Condition (operator, condition) ─┬▶ predicate (live)
//!                       ├▶ Projection ──────────────────────────────┼▶ select, sql (history)
//!                       └▶ Shaping (aggregate) ─────────────────────┘
//! ```

mod aggregate;
mod arrange;
mod compare;
mod condition;
mod key;
mod operator;
mod predicate;
mod problem;
mod projection;
pub mod select;
mod shaping;
mod sql;
mod view;

pub use condition::Test;
pub use key::CellKey;
pub use projection::Projection;
pub use shaping::Shaping;
pub use sql::{Database, shown};
pub use view::View;

use crate::rejection::Rejection;
use crate::row::{ColumnType, Table};

use operator::Operator;
use problem::unknown_column;

/// Query keys with their values, in order.
pub type Args = Vec<(String, Vec<String>)>;

/// Keys that shape what passes a filter.
pub const RESERVED: [&str; 5] = ["_sort", "_limit", "_offset", "_c", "_by"];

/// Reads a query string; a key that occurs again adds a value.
pub fn parse_query(query: &str) -> Args {
    let pairs = form_urlencoded::parse(query.as_bytes());
    merged(pairs.map(|(key, value)| (key.into_owned(), vec![value.into_owned()])))
}

/// Every key once, as plugins may not have it.
fn merged(pairs: impl Iterator<Item = (String, Vec<String>)>) -> Args {
    let mut args: Args = Vec::new();
    for (key, values) in pairs {
        match args.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => known.extend(values),
            None => args.push((key, values)),
        }
    }
    args
}

/// The first value of a reserved key such as `_after`.
pub fn reserved<'a>(args: &'a Args, key: &str) -> Option<&'a str> {
    values(args, key)?.first().map(String::as_str)
}

fn values<'a>(args: &'a Args, key: &str) -> Option<&'a [String]> {
    let (_, values) = args.iter().find(|(known, _)| known == key)?;
    Some(values)
}

/// What is asked of one column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Position in the table's columns.
    pub column: usize,
    /// The column's type, by which values compare.
    pub kind: ColumnType,
    pub test: Test,
}

/// All of its conditions must hold; none hold for everyone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filter(pub Vec<Condition>);

impl Filter {
    /// Reads the conditions out of query keys. Keys that begin with `_` are none.
    ///
    /// # Errors
    /// `bad_filter` for a key that is no column, a value that is none of its type, and an
    /// operator that can't be applied.
    pub fn parse(args: &Args, table: Option<&Table>) -> Result<Self, Rejection> {
        let mut conditions = Vec::new();
        let conditional = args.iter().filter(|(key, _)| !key.starts_with('_'));
        for (key, values) in merged(conditional.cloned()) {
            let (name, operator) = Operator::split(&key);
            let known = table.and_then(|table| Some((table, table.position(name)?)));
            let (table, column) = known.ok_or_else(|| unknown_column(&key, name, table))?;
            let kind = table.columns[column].kind;
            let test = Test::read(&key, operator, &values, kind)?;
            let condition = Condition { column, kind, test };
            conditions.push((operator, condition));
        }
        // One order for one meaning: equal filters share a class.
        conditions.sort_by_key(|(operator, condition)| (condition.column, *operator));
        let conditions = conditions.into_iter().map(|(_, condition)| condition);
        Ok(Self(conditions.collect()))
    }
}
