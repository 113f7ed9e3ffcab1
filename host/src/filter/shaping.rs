//! `_sort`, `_limit`, `_offset` and `_by`: in which order, how much, and what of it.
//!
//! They shape history and what plugins select. The live stream knows none of them: a
//! message is one row, which a limit must not mute.

use crate::rejection::Rejection;
use crate::row::Table;

use super::Args;
use super::aggregate::{Aggregate, Function, SEPARATOR, is_number};
use super::condition::Test;
use super::operator::Operator;
use super::problem::{bad, unknown_column};
use super::values;

/// What becomes of the rows that pass a filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shaping {
    pub sort: Vec<Sort>,
    pub limit: Option<u64>,
    pub offset: u64,
    pub by: Option<Grouping>,
}

/// NULL comes before everything else, and last where the order is descending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SortKey {
    /// Position in the table's columns.
    Column(usize),
    Aggregate(Aggregate),
}

/// One row for all rows that have the same values in these columns. Without columns, one
/// for all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    pub columns: Vec<usize>,
    pub aggregates: Vec<Aggregate>,
    /// Only groups of which all of this holds.
    pub having: Vec<(Aggregate, Test)>,
}

impl Shaping {
    /// Reads the reserved keys; `having` are those with a `|`.
    ///
    /// # Errors
    /// `bad_filter` for an unknown column or function, a number that is none, and for
    /// aggregates without `_by`.
    pub fn read(args: &Args, having: &Args, table: &Table) -> Result<Self, Rejection> {
        let by = values(args, "_by").map(|columns| Grouping::read(columns, args, having, table));
        let by = by.transpose()?;
        if by.is_none()
            && let Some((key, _)) = having.first()
        {
            let message = format!("`{key}` needs `_by`: name the columns to group by, or none");
            return Err(bad(message));
        }
        let sort = values(args, "_sort").unwrap_or_default().iter();
        let sort = sort.map(|value| Sort::read(value, by.as_ref(), table));
        Ok(Self {
            sort: sort.collect::<Result<_, _>>()?,
            limit: smallest(args, "_limit")?,
            offset: smallest(args, "_offset")?.unwrap_or(0),
            by,
        })
    }

    /// Whether rows are as they are in the table, all of them, in their order.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Of several, the smallest counts.
fn smallest(args: &Args, key: &str) -> Result<Option<u64>, Rejection> {
    let given = values(args, key).unwrap_or_default().iter();
    let numbers = given.map(|value| {
        let number: Option<u32> = value.trim().parse().ok();
        let number = number.map(u64::from);
        number.ok_or_else(|| {
            bad(format!(
                "`{key}={value}`: `{key}` is a whole number from 0 on"
            ))
        })
    });
    Ok(numbers.collect::<Result<Vec<_>, _>>()?.into_iter().min())
}

impl Sort {
    fn read(value: &str, by: Option<&Grouping>, table: &Table) -> Result<Self, Rejection> {
        let (name, descending) = match value.strip_prefix('-') {
            Some(name) => (name, true),
            None => (value, false),
        };
        let key = match Aggregate::read(name, table) {
            Some(aggregate) => SortKey::Aggregate(aggregate?),
            None => {
                let column = table.position(name);
                let unknown = || unknown_column(&format!("_sort={value}"), name, Some(table));
                SortKey::Column(column.ok_or_else(unknown)?)
            }
        };
        let fits = match (key, by) {
            (SortKey::Column(column), Some(by)) => by.columns.contains(&column),
            (SortKey::Aggregate(_), None) => false,
            _ => true,
        };
        if !fits {
            let message = format!(
                "`_sort={value}`: with `_by`, groups are sorted by its columns and by \
                 aggregates; without, rows are sorted by columns"
            );
            return Err(bad(message));
        }
        Ok(Self { key, descending })
    }
}

impl Grouping {
    fn read(
        names: &[String],
        args: &Args,
        having: &Args,
        table: &Table,
    ) -> Result<Self, Rejection> {
        let mut columns = Vec::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            let unknown = || unknown_column(&format!("_by={name}"), name, Some(table));
            let column = table.position(name).ok_or_else(unknown)?;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let aggregates = match values(args, "_c") {
            Some(values) => chosen(values, &columns, table)?,
            None => sums(&columns, table),
        };
        if columns.is_empty() && aggregates.is_empty() {
            let message = "`_by=` makes one row of all: say what of, such as `_c=id|count`";
            return Err(bad(message.to_owned()));
        }
        let having = having.iter().map(|(key, values)| {
            let (name, operator) = Operator::split(key);
            let unknown = || unknown_column(key, name, Some(table));
            let aggregate = Aggregate::read(name, table).ok_or_else(unknown)??;
            Ok((
                aggregate,
                Test::read(key, operator, values, aggregate.kind(table))?,
            ))
        });
        Ok(Self {
            columns,
            aggregates,
            having: having.collect::<Result<_, Rejection>>()?,
        })
    }
}

/// The aggregates of `_c`. Columns of `_by` are shown anyway.
fn chosen(
    values: &[String],
    columns: &[usize],
    table: &Table,
) -> Result<Vec<Aggregate>, Rejection> {
    let mut aggregates = Vec::new();
    for value in values {
        match Aggregate::read(value, table) {
            Some(aggregate) => {
                let aggregate = aggregate?;
                if !aggregates.contains(&aggregate) {
                    aggregates.push(aggregate);
                }
            }
            None if table
                .position(value)
                .is_some_and(|at| columns.contains(&at)) => {}
            None => {
                let message = format!(
                    "`_c={value}`: with `_by`, what is shown is one of its columns or an \
                     aggregate such as `{value}{SEPARATOR}max`"
                );
                return Err(bad(message));
            }
        }
    }
    Ok(aggregates)
}

/// What is shown unless it is said: the sum of each number.
fn sums(columns: &[usize], table: &Table) -> Vec<Aggregate> {
    let all = table.columns.iter().enumerate();
    let numbers = all.filter(|(at, column)| is_number(column.kind) && !columns.contains(at));
    let function = Function::Sum;
    numbers
        .map(|(column, _)| Aggregate { column, function })
        .collect()
}
