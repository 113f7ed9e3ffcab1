//! A JSON object between hooks: parsed for the host, as text for guests.

use serde_json::{Map, Value};

use crate::plugin::{CallContext, Generation, Hook, HookError};

/// Both forms of one object, so that neither is made twice.
#[derive(Clone)]
pub struct Object {
    pub map: Map<String, Value>,
    pub text: String,
}

impl Object {
    pub fn new(map: Map<String, Value>) -> Self {
        // A map of JSON values always serialises.
        let text = serde_json::to_string(&map).unwrap_or_default();
        Self { map, text }
    }

    /// Takes what a hook returned.
    ///
    /// # Errors
    /// The hook returned something else than a JSON object.
    pub fn returned(
        text: String,
        hook: Hook,
        by: &Generation,
        cx: &CallContext,
    ) -> Result<Self, HookError> {
        let bad = |problem: String| by.bad_output(cx, hook, problem);
        match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => Ok(Self { map, text }),
            Ok(_) => Err(bad("returned JSON that is not an object".into())),
            Err(error) => Err(bad(format!("returned text that is not JSON: {error}"))),
        }
    }

    /// Puts a value in, in its old place if the key is known. True if that changed it.
    pub fn set(&mut self, key: &str, value: Value) {
        if self.map.get(key) != Some(&value) {
            self.map.insert(key.to_owned(), value);
            self.text = serde_json::to_string(&self.map).unwrap_or_default();
        }
    }
}
