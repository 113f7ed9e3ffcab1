//! Rejects messages that contain a blocked word.

mod words;

use hookcast_guest::{Call, Json, Prepare, Rejection, Result, config, export, reject};
use words::Words;

struct Moderate;

export!(Moderate: prepare);

impl Prepare for Moderate {
    type Message = Json;

    fn prepare(_: &Call, message: Json) -> Result<Option<Json>> {
        let Some(list) = config::get("words")? else {
            // Letting everything pass would look like moderation and be none.
            return Err(Rejection::plugin_error(
                "set `words` in the plugin's config",
            ));
        };
        check(&Words::new(&list), &message)
    }
}

/// Doesn't say which word: that would help to find a spelling that passes.
fn check(blocked: &Words, message: &Json) -> Result<Option<Json>> {
    if blocked.occur_in(message) {
        return reject(
            "blocked_word",
            "This message has a word that is not allowed here.",
        );
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::json;

    #[test]
    fn the_rejection_does_not_name_the_word() {
        let rejection = check(&Words::new("spam"), &json!({"body": "Spam!"})).unwrap_err();
        assert_eq!(rejection.code, "blocked_word");
        assert!(!rejection.message.to_lowercase().contains("spam"));
        assert_eq!((rejection.details, rejection.cause), (None, None));
    }

    #[test]
    fn other_messages_pass_unchanged() {
        let verdict = check(&Words::new("spam"), &json!({"body": "Spammer"}));
        assert_eq!(verdict, Ok(None));
    }
}
