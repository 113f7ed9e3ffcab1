//! `auth` of an endpoint: who may connect.

use crate::config::expression::read_condition;
use crate::config::reader::Section;
use crate::config::value::Value;
use crate::expression::Expression;

/// What a condition may look at: there is no message yet.
const NAMES: &[&str] = &["user", "session", "args", "endpoint", "now"];

/// Who may connect, before any plugin is asked. By default: everybody.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointAuth {
    /// Known users only.
    pub required: bool,
    /// Those of whom this is true.
    pub condition: Option<Expression>,
}

impl EndpointAuth {
    pub(in crate::config) fn read(mut section: Section<'_>) -> Self {
        let condition = section.take("condition");
        let config = Self {
            required: section.read("required", false, Value::flag),
            condition: condition.and_then(|value| read_condition(&value, NAMES)),
        };
        section.finish();
        config
    }
}
