//! The least that a useful hook does: reads the message, adds a field, writes it.

use hookcast_guest::{Call, Json, Prepare, Result, export};

struct Bench;

impl Prepare for Bench {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        message["hop"] = 1.into();
        Ok(Some(message))
    }
}

export!(Bench: prepare);

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::json;

    #[test]
    fn one_field_is_added() {
        let message = Bench::prepare(&Call::default(), json!({"body": "a"})).unwrap();
        assert_eq!(message, Some(json!({"body": "a", "hop": 1})));
    }
}
