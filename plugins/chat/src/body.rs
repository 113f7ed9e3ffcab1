//! The text of a message.

use hookcast_guest::{Json, Rejection, Result, json, reject};

/// Characters a message may have.
const MAX: usize = 2_000;

/// Trims the body, and rejects an empty or too long one. An edit may leave it out.
pub fn clean(message: &mut Json, required: bool) -> Result<()> {
    if !required && message.get("body").is_none() {
        return Ok(());
    }
    let body = message["body"].as_str().unwrap_or_default().trim();
    if body.is_empty() {
        return reject("empty_body", "Write something first: `body` has no text.");
    }
    let length = body.chars().count();
    if length > MAX {
        let text = format!("At most {MAX} characters, please: these are {length}.");
        let details = json!({"max": MAX, "length": length});
        return Err(Rejection::new("too_long", text).with_details(details));
    }
    message["body"] = body.into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(mut message: Json, required: bool) -> Option<String> {
        let rejection = clean(&mut message, required).err();
        rejection.map(|rejection| rejection.code)
    }

    #[test]
    fn white_space_around_the_text_goes() {
        let mut message = json!({"body": " hi \n", "topic": " a "});
        clean(&mut message, true).unwrap();
        assert_eq!(message, json!({"body": "hi", "topic": " a "}));
    }

    #[test]
    fn what_has_no_text_is_rejected() {
        for message in [json!({}), json!({"body": " \n"}), json!({"body": 7})] {
            assert_eq!(code(message, true).as_deref(), Some("empty_body"));
        }
        assert_eq!(
            code(json!({"body": null}), false).as_deref(),
            Some("empty_body")
        );
    }

    #[test]
    fn an_edit_may_leave_the_text_out() {
        assert_eq!(code(json!({"id": "1"}), false), None);
    }

    #[test]
    fn the_limit_counts_characters_after_trimming() {
        assert_eq!(code(json!({"body": "é".repeat(MAX) + "  "}), true), None);
        let too_long = json!({"body": "é".repeat(MAX + 1)});
        assert_eq!(code(too_long, true).as_deref(), Some("too_long"));
    }
}
