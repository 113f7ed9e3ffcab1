//! All of what a query string asks for.

use crate::rejection::Rejection;
use crate::row::Table;

use super::aggregate::SEPARATOR;
use super::problem::unknown_column;
use super::projection::Projection;
use super::shaping::Shaping;
use super::{Args, Filter, RESERVED, merged, values};

/// Which rows, what of them, and in which order. The live stream goes by the first two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    pub filter: Filter,
    pub projection: Projection,
    pub shaping: Shaping,
}

impl View {
    /// Reads the keys of a query string. Those that begin with `_` and are none of ours
    /// belong to others, such as `_after`.
    ///
    /// # Errors
    /// `bad_filter`: see [`Filter::parse`], [`Projection::read`] and [`Shaping::read`].
    pub fn parse(args: &Args, table: Option<&Table>) -> Result<Self, Rejection> {
        let is_having = |key: &str| !key.starts_with('_') && key.contains(SEPARATOR);
        let (having, others): (Args, Args) = merged(args.iter().cloned())
            .into_iter()
            .partition(|(key, _)| is_having(key));
        let filter = Filter::parse(&others, table)?;
        let Some(table) = table else {
            let ours = |key: &str| RESERVED.contains(&key) || is_having(key);
            return match args.iter().find(|(key, _)| ours(key)) {
                Some((key, _)) => Err(unknown_column(key, key, None)),
                None => Ok(Self::default()),
            };
        };
        let shaping = Shaping::read(&others, &having, table)?;
        let projection = match values(&others, "_c") {
            // There it names aggregates, which no message has.
            Some(columns) if shaping.by.is_none() => Projection::read(columns, table)?,
            _ => Projection::All,
        };
        Ok(Self {
            filter,
            projection,
            shaping,
        })
    }
}
