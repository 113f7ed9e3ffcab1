//! Query keys whose values come as JSON: from expressions and from messages.

use serde_json::Value;

/// The values of a key: those of a list of texts, numbers, true and false.
///
/// # Errors
/// What is wrong, to be said after what the value is.
pub fn values(json: &Value) -> Result<Vec<String>, String> {
    let Value::Array(items) = json else {
        return Err("a query key takes a list".to_owned());
    };
    let value = |item| value(item).ok_or_else(|| format!("{item} can't be a query key's value"));
    items.iter().map(value).collect()
}

/// One value; none where it is no text, number, true or false.
pub fn value(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_plain_values_are_taken_and_nothing_else() {
        let taken = values(&json!(["a", 5, 1.5, true, ""]));
        let expected = ["a", "5", "1.5", "true", ""].map(str::to_owned);
        assert_eq!(taken, Ok(expected.to_vec()));
        assert_eq!(values(&json!([])), Ok(Vec::new()));
        for wrong in [
            json!("a"),
            json!(null),
            json!([null]),
            json!([["a"]]),
            json!({}),
        ] {
            assert!(values(&wrong).is_err(), "{wrong}");
        }
    }
}
