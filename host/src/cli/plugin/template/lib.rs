//! What happens to the messages of an endpoint that has the plugin `{{name}}`.

use hookcast_guest::{Call, Handler, Json, Prepare, Result, export, json, reject};
use serde::Deserialize;

struct Plugin;

export!(Plugin: prepare, handlers(Hello));

impl Prepare for Plugin {
    type Message = Json;

    /// Before a message is stored: change it, or reject it.
    fn prepare(call: &Call, mut message: Json) -> Result<Option<Json>> {
        if call.method == "DELETE" {
            return Ok(None);
        }
        let Some(body) = message["body"].as_str().map(str::trim).filter(|body| !body.is_empty())
        else {
            return reject("empty", "Write something first.");
        };
        message["body"] = body.into();
        Ok(Some(message))
    }
}

/// `{"_type": "hello", "name": "Alice"}`: answered, not stored.
#[derive(Deserialize)]
struct Hello {
    name: Option<String>,
}

impl Handler for Hello {
    const TYPE: &str = "hello";
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        let name = self.name.unwrap_or_else(|| "stranger".to_owned());
        Ok(Some(json!({"_type": "hello", "greeting": format!("Hello {name}.")})))
    }
}
