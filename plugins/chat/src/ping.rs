//! `{"_type": "ping"}` is answered with `{"_type": "pong"}`.

use hookcast_guest::{Call, Handler, Json, Result, json};
use serde::Deserialize;

/// Asks whether the plugin is there.
#[derive(Deserialize)]
pub struct Ping {
    /// Sent back as it is.
    data: Option<Json>,
}

impl Handler for Ping {
    const TYPE: &str = "ping";
    const SCHEMA: Option<&str> = Some(include_str!("ping.schema.json"));
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        let mut pong = json!({"_type": "pong"});
        if let Some(data) = self.data {
            pong["data"] = data;
        }
        Ok(Some(pong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::serde_json;

    fn answer(message: Json) -> Option<Json> {
        let ping: Ping = serde_json::from_value(message).unwrap();
        ping.handle(&Call::default()).unwrap()
    }

    #[test]
    fn data_comes_back() {
        let ping = json!({"_type": "ping", "data": [1, {"a": null}]});
        let pong = json!({"_type": "pong", "data": [1, {"a": null}]});
        assert_eq!(answer(ping), Some(pong));
        assert_eq!(
            answer(json!({"_type": "ping"})),
            Some(json!({"_type": "pong"}))
        );
    }

    #[test]
    fn the_schema_is_json() {
        let schema: Json = serde_json::from_str(Ping::SCHEMA.unwrap()).unwrap();
        assert_eq!(schema["properties"]["_type"]["const"], Ping::TYPE);
    }
}
