//! What an expression is evaluated on.

use std::fmt;
use std::sync::OnceLock;

use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;

use super::convert;

/// Every name that an expression may use; which of them are there depends on where the
/// expression stands. `docs/expressions.md` lists both.
pub const NAMES: &[&str] = &[
    "msg", "row", "old", "user", "session", "args", "endpoint", "method", "now",
];

/// Values by their names. What no expression asks for is not even made.
#[derive(Default)]
pub struct Scope<'a> {
    named: Vec<Named<'a>>,
}

struct Named<'a> {
    name: &'static str,
    content: Content<'a>,
    /// As the library has it: made for the first that asks, and shared by those that
    /// follow.
    made: OnceLock<Box<dyn Val>>,
}

enum Content<'a> {
    Json(Value),
    Later(Box<dyn Fn() -> Value + Send + Sync + 'a>),
    /// Microseconds since 1970-01-01 UTC.
    Time(u64),
}

impl<'a> Scope<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value under one of [`NAMES`]; a later one replaces an earlier one.
    #[must_use]
    pub fn with(mut self, name: &'static str, json: Value) -> Self {
        self.set(name, json);
        self
    }

    /// As [`Self::with`], for a value that costs something to make.
    #[must_use]
    pub fn later(
        mut self,
        name: &'static str,
        make: impl Fn() -> Value + Send + Sync + 'a,
    ) -> Self {
        self.put(name, Content::Later(Box::new(make)));
        self
    }

    /// Adds `now`, in microseconds since 1970-01-01 UTC: a point in time, that durations
    /// can be added to. As JSON it is a text like those in the column `timestamp`.
    #[must_use]
    pub fn at(mut self, micros: u64) -> Self {
        self.put("now", Content::Time(micros));
        self
    }

    /// As [`Self::with`].
    pub fn set(&mut self, name: &'static str, json: Value) {
        self.put(name, Content::Json(json));
    }

    fn put(&mut self, name: &'static str, content: Content<'a>) {
        self.named.retain(|named| named.name != name);
        self.named.push(Named {
            name,
            content,
            made: OnceLock::new(),
        });
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let named = self.named.iter().find(|named| named.name == variable)?;
        let value = named.made.get_or_init(|| match &named.content {
            Content::Json(json) => convert::from_json(json),
            Content::Later(make) => convert::from_json(&make()),
            Content::Time(micros) => convert::from_micros(*micros),
        });
        Some(CowVal::Borrowed(value.as_ref()))
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are other people's.
        let names = self.named.iter().map(|named| named.name);
        f.debug_set().entries(names).finish()
    }
}
