//! Whom others see as the author.

use hookcast_guest::Json;

/// Characters of a name that are shown.
const MAX: usize = 40;

/// The name in the user's claims, which can't be forged; else the one that the message
/// gives itself; else `anonymous`.
pub fn display(user: Option<&Json>, message: &Json) -> String {
    let claimed = user.and_then(|user| user["name"].as_str());
    let names = [claimed, message["name"].as_str()];
    let mut names = names.into_iter().flatten().map(shorten);
    let name = names.find(|name| !name.is_empty());
    name.unwrap_or_else(|| "anonymous".to_owned())
}

fn shorten(name: &str) -> String {
    let short: String = name.trim().chars().take(MAX).collect();
    short.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::json;

    #[test]
    fn claims_come_before_the_message() {
        let message = json!({"name": "Mallory"});
        let alice = json!({"id": "1", "name": "Alice"});
        assert_eq!(display(Some(&alice), &message), "Alice");
        assert_eq!(display(Some(&json!({"id": "1"})), &message), "Mallory");
        assert_eq!(display(None, &message), "Mallory");
    }

    #[test]
    fn without_any_name_it_is_anonymous() {
        for message in [json!({}), json!({"name": "  "}), json!({"name": 7})] {
            assert_eq!(display(None, &message), "anonymous");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let message = json!({"name": format!("  {} tail", "é".repeat(39))});
        assert_eq!(display(None, &message), "é".repeat(39));
    }
}
