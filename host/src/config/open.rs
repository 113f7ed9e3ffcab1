//! `open`: query keys that the server sets for every subscription.

use super::expression::{constant, read_expression};
use super::reader::{Section, Wrong};
use crate::args;
use crate::expression::Expression;
use crate::filter::Filter;
use crate::row::Table;

/// What there is to decide by when a subscription begins.
const NAMES: &[&str] = &["user", "session", "args", "endpoint", "now"];

/// Each key with the expression of its values, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OpenArgs(pub Vec<(String, Expression)>);

impl OpenArgs {
    pub(super) fn read(mut section: Section<'_>, table: Option<&Table>) -> Self {
        let mut args = Vec::new();
        for (key, value) in section.take_named() {
            let Some(expression) = read_expression(&value, NAMES) else {
                continue;
            };
            // Of those that depend on the client, the key is all that can be checked.
            let values = match constant(&value, &expression) {
                Ok(None) => Vec::new(),
                Ok(Some(json)) => match args::values(&key, &json) {
                    Ok(values) => values,
                    Err(problem) => {
                        let what = format!("gives {json}: {problem}");
                        let remedy = "write a list of texts, numbers, true or false, as \"['a']\"";
                        value.reading.report_value(&value, Wrong::new(what, remedy));
                        continue;
                    }
                },
                Err(()) => continue,
            };
            if let Err(wrong) = check(&key, values, table) {
                value.reading.report_value(&value, wrong);
            }
            args.push((key, expression));
        }
        section.finish();
        Self(args)
    }
}

/// Finds what would make every subscription fail.
fn check(key: &str, values: Vec<String>, table: Option<&Table>) -> Result<(), Wrong> {
    let args = vec![(key.to_owned(), values)];
    let filter = Filter::parse(&args, table);
    filter.map(drop).map_err(|rejection| {
        let what = format!("can't be a query key: {}", rejection.message);
        Wrong::new(what, "every subscription would be refused; correct it")
    })
}
