//! A filter as a predicate over stored rows: what the live stream is filtered by.
//!
//! Means the same as `super::sql`, on each database; `tests/filters_agree.rs` compares
//! them. Text is compared byte by byte, times as `crate::date` writes them out, numbers
//! by value.

use std::cmp::Ordering;

use crate::row::{Cell, ColumnType, Row};

use super::Filter;
use super::compare::compare;
use super::condition::{Test, Texts};

impl Filter {
    /// Whether a stored row passes.
    pub fn matches(&self, row: &Row) -> bool {
        let mut conditions = self.0.iter();
        conditions.all(|condition| {
            let cell = &row.0[condition.column];
            condition.test.holds(cell, condition.kind)
        })
    }
}

impl Test {
    /// Whether a stored cell passes.
    pub fn holds(&self, cell: &Cell, kind: ColumnType) -> bool {
        // The host stores '' as NULL. Who else writes to the table may not.
        if matches!(cell, Cell::Null) || matches!(cell, Cell::Text(text) if text.is_empty()) {
            return *self == Self::Null;
        }
        let against = |value: &Cell| compare(cell, value, kind);
        match self {
            Self::Null => false,
            Self::NotNull => true,
            Self::In(values) => values
                .iter()
                .any(|value| against(value) == Some(Ordering::Equal)),
            Self::NotIn(values) => values
                .iter()
                .all(|value| against(value) != Some(Ordering::Equal)),
            Self::Above(value) => against(value).is_some_and(Ordering::is_gt),
            Self::AtLeast(value) => against(value).is_some_and(Ordering::is_ge),
            Self::Below(value) => against(value).is_some_and(Ordering::is_lt),
            Self::AtMost(value) => against(value).is_some_and(Ordering::is_le),
            Self::Contains(texts) => texts.in_cell(cell) == Some(true),
            Self::Lacks(texts) => texts.in_cell(cell) == Some(false),
        }
    }
}

impl Texts {
    /// None if the cell is no text.
    fn in_cell(&self, cell: &Cell) -> Option<bool> {
        let Cell::Text(text) = cell else { return None };
        let found = |text: &str| self.any_of.iter().any(|part| text.contains(part.as_str()));
        Some(if self.any_case {
            found(&text.to_ascii_lowercase())
        } else {
            found(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_passes_no_test_but_its_own() {
        let one = || Cell::Integer(1);
        for test in [
            Test::NotNull,
            Test::In(vec![one()]),
            Test::NotIn(vec![one()]),
            Test::Above(one()),
            Test::AtLeast(one()),
            Test::Below(one()),
            Test::AtMost(one()),
        ] {
            assert!(!test.holds(&Cell::Null, ColumnType::Integer), "{test:?}");
        }
        assert!(Test::Null.holds(&Cell::Null, ColumnType::Integer));
        assert!(Test::Null.holds(&Cell::Text(String::new()), ColumnType::Text));
        assert!(!Test::Null.holds(&one(), ColumnType::Integer));
    }

    #[test]
    fn what_other_programs_stored_in_a_column_of_numbers_is_only_unequal() {
        let text = Cell::Text("abc".into());
        let kind = ColumnType::Integer;
        assert!(Test::NotIn(vec![Cell::Integer(1)]).holds(&text, kind));
        assert!(!Test::Above(Cell::Integer(1)).holds(&text, kind));
        assert!(!Test::Below(Cell::Integer(1)).holds(&text, kind));
    }
}
