//! What a query key asks of its column: the column's name, then an operator.
//!
//! The sign between key and value is no part of it: `?n>=2` is the key `n>` with the
//! value `2`, and means *greater than*.

/// In the order of a filter's canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    Equal,
    NotEqual,
    Above,
    AtLeast,
    Below,
    AtMost,
    Contains,
    Lacks,
    /// Ignoring the case of ASCII letters, like the next.
    ContainsAnyCase,
    LacksAnyCase,
}

/// Longer ones before those that they end with.
const SUFFIXES: [(&str, Operator); 9] = [
    (">~", Operator::AtLeast),
    ("<~", Operator::AtMost),
    ("!~", Operator::Lacks),
    ("!*", Operator::LacksAnyCase),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("~", Operator::Contains),
    ("*", Operator::ContainsAnyCase),
    ("!", Operator::NotEqual),
];

impl Operator {
    /// Takes the operator off a query key.
    pub fn split(key: &str) -> (&str, Self) {
        let mut suffixes = SUFFIXES.iter();
        suffixes
            .find_map(|(suffix, operator)| Some((key.strip_suffix(suffix)?, *operator)))
            .unwrap_or((key, Self::Equal))
    }

    /// Whether it looks for a part of a text.
    pub fn is_search(self) -> bool {
        matches!(
            self,
            Self::Contains | Self::Lacks | Self::ContainsAnyCase | Self::LacksAnyCase
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_operator_wins() {
        for (key, name, operator) in [
            ("n", "n", Operator::Equal),
            ("n!", "n", Operator::NotEqual),
            ("n>", "n", Operator::Above),
            ("n>~", "n", Operator::AtLeast),
            ("n<", "n", Operator::Below),
            ("n<~", "n", Operator::AtMost),
            ("n~", "n", Operator::Contains),
            ("n!~", "n", Operator::Lacks),
            ("n*", "n", Operator::ContainsAnyCase),
            ("n!*", "n", Operator::LacksAnyCase),
            ("n|max>", "n|max", Operator::Above),
        ] {
            assert_eq!(Operator::split(key), (name, operator), "{key}");
        }
    }
}
