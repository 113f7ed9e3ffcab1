//! `message_default`: fields that the server fills, by method.

use super::expression::{constant, read_expression};
use super::reader::{Section, Wrong};
use crate::expression::Expression;
use crate::log::Method;

const NAMES: &[&str] = &[
    "msg", "user", "session", "args", "endpoint", "method", "now",
];

/// Each field with its expression, in the order of the file, which is the order they are
/// filled in: one may build on those before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MessageDefaults {
    post: Vec<(String, Expression)>,
    put: Vec<(String, Expression)>,
    delete: Vec<(String, Expression)>,
}

impl MessageDefaults {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let defaults = Self {
            post: read_fields(Method::Post, section.section("POST")),
            put: read_fields(Method::Put, section.section("PUT")),
            delete: read_fields(Method::Delete, section.section("DELETE")),
        };
        section.finish();
        defaults
    }

    pub fn of(&self, method: Method) -> &[(String, Expression)] {
        match method {
            Method::Post => &self.post,
            Method::Put => &self.put,
            Method::Delete => &self.delete,
        }
    }
}

fn read_fields(method: Method, mut section: Section<'_>) -> Vec<(String, Expression)> {
    let mut fields = Vec::new();
    for (key, value) in section.take_named() {
        if let Err(wrong) = check_key(method, &key) {
            value.reading.report(
                value.key_at,
                format!("`{}` {}", value.key, wrong.what),
                wrong.remedy,
            );
            continue;
        }
        let Some(expression) = read_expression(&value, NAMES) else {
            continue;
        };
        if constant(&value, &expression).is_ok() {
            fields.push((key, expression));
        }
    }
    section.finish();
    fields
}

/// What a message is and who sent it is not for a default to say.
fn check_key(method: Method, key: &str) -> Result<(), Wrong> {
    let wrong = |what: &str, remedy: &str| Err(Wrong::new(what, remedy));
    match key {
        "user" => wrong(
            "is always who sent the message, or who wrote the row",
            "remove it, or fill a column of another name",
        ),
        "id" if method != Method::Post => wrong(
            "would change which row the message is about",
            "remove it; `methods` says who may change which rows",
        ),
        key if key.starts_with('_') => wrong(
            "begins with `_`, as only keys of the protocol do",
            "rename it",
        ),
        _ => Ok(()),
    }
}
