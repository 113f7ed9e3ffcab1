//! What an alert is about: noted while the message is judged, read when it is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::template::{moment, python};

/// A message and what was known around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Occasion {
    pub endpoint: String,
    /// `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// As the hooks have left it.
    pub message: Map<String, Value>,
    /// The row as it is stored, and as it was; null where there is none.
    #[serde(default)]
    pub row: Value,
    #[serde(default)]
    pub old: Value,
    /// Who sent it: the user's claims, null for the anonymous.
    #[serde(default)]
    pub sender: Value,
    #[serde(default)]
    pub session: Value,
    /// The query keys of the sender's connection, each with its values.
    #[serde(default)]
    pub args: Value,
    /// When it was received: microseconds since 1970-01-01 UTC.
    pub time: i64,
}

impl Occasion {
    /// The names that a template may use: the message's keys, and names of the host's that
    /// no message can take.
    pub fn names(&self) -> minijinja::Value {
        let value = minijinja::Value::from_serialize::<&Value>;
        let mut names: BTreeMap<String, minijinja::Value> = BTreeMap::new();
        for (key, one) in &self.message {
            names.insert(key.clone(), value(one));
        }
        let time = self.time;
        let now = minijinja::Value::from_function(move || moment(time));
        let own = [
            ("msg", minijinja::Value::from_serialize(&self.message)),
            ("row", value(&self.row)),
            ("old", value(&self.old)),
            ("sender", value(&self.sender)),
            ("session", value(&self.session)),
            ("args", value(&self.args)),
            ("endpoint", self.endpoint.as_str().into()),
            ("method", self.method.as_str().into()),
            ("now", now),
            (python::NAME, python::modules(self.time)),
        ];
        names.extend(own.map(|(name, one)| (name.to_owned(), one)));
        minijinja::Value::from(names)
    }
}
