//! A view over rows in memory: what plugins select from the rows of a fixture.

use std::cmp::Ordering;

use crate::row::{Cell, ColumnType, Row};

use super::View;
use super::compare::compare;
use super::shaping::SortKey;

impl View {
    /// Leaves the rows that the view shows, in its order. Groups are not made.
    pub fn arrange<T>(
        &self,
        mut rows: Vec<T>,
        row: impl Fn(&T) -> &Row,
        kinds: &[ColumnType],
    ) -> Vec<T> {
        rows.retain(|item| self.filter.matches(row(item)));
        // The sort is stable: the last key first.
        for sort in self.shaping.sort.iter().rev() {
            let SortKey::Column(at) = sort.key else {
                continue;
            };
            rows.sort_by(|a, b| {
                let order = order(&row(a).0[at], &row(b).0[at], kinds[at]);
                if sort.descending {
                    order.reverse()
                } else {
                    order
                }
            });
        }
        let offset = usize::try_from(self.shaping.offset).unwrap_or(usize::MAX);
        let limit = self.shaping.limit.unwrap_or(u64::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        rows.into_iter().skip(offset).take(limit).collect()
    }
}

/// NULL first.
fn order(a: &Cell, b: &Cell, kind: ColumnType) -> Ordering {
    match (a, b) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Less,
        (_, Cell::Null) => Ordering::Greater,
        _ => compare(a, b, kind).unwrap_or(Ordering::Equal),
    }
}
