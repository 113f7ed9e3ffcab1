//! `methods`: who may do what.

use serde_json::Value as Json;

use super::expression::{constant, read_expression};
use super::reader::{Section, Wrong};
use crate::expression::Expression;
use crate::log::Method;

/// What a condition may ask for. Before a POST there is no row.
const FOR_POST: &[&str] = &[
    "msg", "user", "session", "args", "endpoint", "method", "now",
];
const FOR_ROWS: &[&str] = &[
    "msg", "row", "user", "session", "args", "endpoint", "method", "now",
];

/// The conditions of an endpoint that has `methods`. A method without one is nobody's.
#[derive(Debug, Clone, PartialEq)]
pub struct Methods {
    post: Option<Expression>,
    put: Option<Expression>,
    delete: Option<Expression>,
}

impl Methods {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut condition = |method: Method, names| {
            let value = section.take(method.as_str())?;
            let expression = read_expression(&value, names)?;
            match constant(&value, &expression) {
                Ok(None | Some(Json::Bool(_))) => {}
                Ok(Some(other)) => {
                    let what = format!("gives {other}, neither true nor false");
                    let remedy = "write a condition, as \"user != null\"";
                    value.reading.report_value(&value, Wrong::new(what, remedy));
                }
                Err(()) => return None,
            }
            Some(expression)
        };
        let methods = Self {
            post: condition(Method::Post, FOR_POST),
            put: condition(Method::Put, FOR_ROWS),
            delete: condition(Method::Delete, FOR_ROWS),
        };
        section.finish();
        methods
    }

    /// The condition of a method; none if nobody may.
    pub fn of(&self, method: Method) -> Option<&Expression> {
        match method {
            Method::Post => self.post.as_ref(),
            Method::Put => self.put.as_ref(),
            Method::Delete => self.delete.as_ref(),
        }
    }
}
