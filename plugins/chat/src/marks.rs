//! What subscribers see of a message beyond what is stored.

use hookcast_guest::Json;

/// Below this a text in capitals is an abbreviation and not a shout.
const SHOUT_LETTERS: usize = 4;

/// Adds `"edited": true` to edits and `"shout": true` to text in capitals; none when
/// there is nothing to mark.
pub fn mark(method: &str, mut message: Json) -> Option<Json> {
    let edited = method == "PUT";
    let shout = message["body"].as_str().is_some_and(is_shout);
    if edited {
        message["edited"] = true.into();
    }
    if shout {
        message["shout"] = true.into();
    }
    (edited || shout).then_some(message)
}

fn is_shout(text: &str) -> bool {
    let letters = || text.chars().filter(|letter| letter.is_alphabetic());
    letters().count() >= SHOUT_LETTERS && letters().all(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::json;

    #[test]
    fn edits_are_marked() {
        let marked = mark("PUT", json!({"id": "1", "body": "hi"}));
        assert_eq!(
            marked,
            Some(json!({"id": "1", "body": "hi", "edited": true}))
        );
    }

    #[test]
    fn shouts_are_marked() {
        let marked = mark("POST", json!({"body": "HELP ME!"}));
        assert_eq!(marked, Some(json!({"body": "HELP ME!", "shout": true})));
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        for body in ["Hello", "OK!", "12345", "ÉcoLE", ""] {
            assert_eq!(mark("POST", json!({"body": body})), None, "{body}");
        }
        assert_eq!(mark("DELETE", json!({"id": "1"})), None);
    }
}
