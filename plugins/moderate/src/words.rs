//! The list of blocked words, and how it is searched.

use hookcast_guest::Json;
use std::collections::HashSet;

/// Words in lower case.
pub struct Words(HashSet<String>);

impl Words {
    /// Reads `spam, eggs`.
    pub fn new(list: &str) -> Self {
        let words = list.split(',').map(|word| word.trim().to_lowercase());
        Self(words.filter(|word| !word.is_empty()).collect())
    }

    /// Whether any text of the message, however deep, has one of the words. Names of
    /// keys are not searched: they are the application's, not the sender's.
    pub fn occur_in(&self, message: &Json) -> bool {
        match message {
            Json::String(text) => self.occur_in_text(text),
            Json::Array(items) => items.iter().any(|item| self.occur_in(item)),
            Json::Object(fields) => fields.values().any(|field| self.occur_in(field)),
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }

    fn occur_in_text(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| self.0.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookcast_guest::json;

    #[test]
    fn whole_words_in_any_case() {
        let words = Words::new(" Spam ,ÉCLAIR,, ");
        for text in ["spam", "no SPAM, please", "(spam)", "Éclair"] {
            assert!(words.occur_in(&json!({"body": text})), "{text}");
        }
        for text in ["spammer", "", "clair"] {
            assert!(!words.occur_in(&json!({"body": text})), "{text}");
        }
    }

    #[test]
    fn every_text_is_searched_but_no_key() {
        let words = Words::new("spam");
        assert!(words.occur_in(&json!({"a": [1, {"b": "spam"}]})));
        assert!(!words.occur_in(&json!({"spam": 1})));
    }

    #[test]
    fn an_empty_list_blocks_nothing() {
        assert!(!Words::new("").occur_in(&json!({"body": "a  b"})));
    }
}
