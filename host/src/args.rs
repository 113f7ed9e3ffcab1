//! Query keys as JSON: as expressions see them, and with values from expressions and messages.
//!
//! In an address, an empty value stands for any (`?topic=`, a form's empty field). Where
//! a value was computed or comes in a message, that would show or delete more than was
//! meant, so it is refused here.

use serde_json::{Map, Value};

use crate::filter::Args;

/// Each key with the list of its values.
pub fn to_json(args: &Args) -> Value {
    let args = args.iter();
    let args = args.map(|(key, values)| (key.clone(), values.clone().into()));
    Value::Object(args.collect::<Map<_, _>>())
}

/// The values of a key: those of a list of texts, numbers, true and false.
///
/// # Errors
/// What is wrong, to be said after what the value is.
pub fn values(key: &str, json: &Value) -> Result<Vec<String>, String> {
    let Value::Array(items) = json else {
        return Err("a query key takes a list".to_owned());
    };
    items.iter().map(|item| value(key, item)).collect()
}

/// One value of a key.
///
/// # Errors
/// As of [`values`].
pub fn value(key: &str, json: &Value) -> Result<String, String> {
    let value = match json {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(format!("{json} can't be a query key's value"));
        }
    };
    // `topic!` with nothing asks for rows without a topic.
    if value.is_empty() && !key.ends_with('!') {
        return Err("an empty text would stand for any value".to_owned());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_plain_values_are_taken_and_nothing_else() {
        let taken = values("n", &json!(["a", 5, 1.5, true]));
        let expected = ["a", "5", "1.5", "true"].map(str::to_owned);
        assert_eq!(taken, Ok(expected.to_vec()));
        assert_eq!(values("n", &json!([])), Ok(Vec::new()));
        assert_eq!(values("n!", &json!([""])), Ok(vec![String::new()]));
        for wrong in [
            json!("a"),
            json!(null),
            json!([null]),
            json!([["a"]]),
            json!({}),
            json!([""]),
            json!(["a", ""]),
        ] {
            assert!(values("n", &wrong).is_err(), "{wrong}");
        }
    }
}
