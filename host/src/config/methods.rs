//! `methods`: who may do what.

use super::expression::read_condition;
use super::reader::Section;
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
        let mut condition =
            |method: Method, names| read_condition(&section.take(method.as_str())?, names);
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
