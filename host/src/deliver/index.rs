//! Which classes can an event concern? Found by hashing, not by asking each class.
//!
//! A class with a filter is entered under the values of its first condition. An event is
//! looked up with its row's values, old and new; the few classes found are then asked
//! properly.

use std::collections::HashMap;

use crate::filter::{CellKey, Filter};
use crate::log::Event;

pub type ClassId = u32;

#[derive(Default)]
pub struct ClassIndex {
    /// Classes without a filter: every event of the audience `All` concerns them.
    unfiltered: Vec<ClassId>,
    /// By column, then by value.
    by_value: HashMap<usize, HashMap<CellKey, Vec<ClassId>>>,
    /// All classes, for events that carry no row.
    all: Vec<ClassId>,
}

impl ClassIndex {
    pub fn insert(&mut self, class: ClassId, filter: &Filter) {
        self.all.push(class);
        let Some(first) = filter.0.first() else {
            self.unfiltered.push(class);
            return;
        };
        let column = self.by_value.entry(first.column).or_default();
        for cell in &first.any_of {
            let classes = column.entry(CellKey::of(cell)).or_default();
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
    }

    pub fn remove(&mut self, class: ClassId, filter: &Filter) {
        self.all.retain(|known| *known != class);
        self.unfiltered.retain(|known| *known != class);
        let Some(first) = filter.0.first() else {
            return;
        };
        if let Some(column) = self.by_value.get_mut(&first.column) {
            for cell in &first.any_of {
                let key = CellKey::of(cell);
                if let Some(classes) = column.get_mut(&key) {
                    classes.retain(|known| *known != class);
                    if classes.is_empty() {
                        column.remove(&key);
                    }
                }
            }
            if column.is_empty() {
                self.by_value.remove(&first.column);
            }
        }
    }

    /// Calls `visit` for each class that may see the event; for some perhaps twice.
    pub fn candidates(&self, event: &Event, mut visit: impl FnMut(ClassId)) {
        if event.change.is_none() {
            self.all.iter().copied().for_each(visit);
            return;
        }
        self.unfiltered.iter().copied().for_each(&mut visit);
        for (column, values) in &self.by_value {
            for row in [event.row(), event.old()].into_iter().flatten() {
                if let Some(classes) = values.get(&CellKey::of(&row.0[*column])) {
                    classes.iter().copied().for_each(&mut visit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Condition;
    use crate::log::{Audience, Method};
    use crate::row::{Cell, Row, RowWrite};

    fn text(value: &str) -> Cell {
        Cell::Text(value.into())
    }

    fn filter(column: usize, values: &[&str]) -> Filter {
        Filter(vec![Condition {
            column,
            any_of: values.iter().map(|v| text(v)).collect(),
        }])
    }

    fn event(change: Option<RowWrite>) -> Event {
        Event {
            offset: 1,
            time: 0,
            method: Some(Method::Post),
            audience: Audience::All,
            origin: None,
            origin_user: None,
            exclude_origin: false,
            change,
            sent: "{}".into(),
            judged_by: "".into(),
        }
    }

    fn found(index: &ClassIndex, event: &Event) -> Vec<ClassId> {
        let mut found = Vec::new();
        index.candidates(event, |class| found.push(class));
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn finds_by_old_and_new_value_and_forgets_what_is_removed() {
        let mut index = ClassIndex::default();
        index.insert(1, &Filter::default());
        index.insert(2, &filter(0, &["a", "b"]));
        index.insert(3, &filter(1, &["c"]));
        let row = |first: &str, second: &str| Row(vec![text(first), text(second)]);
        let insert = event(Some(RowWrite::Insert { row: row("a", "x") }));
        assert_eq!(found(&index, &insert), [1, 2]);
        let update = event(Some(RowWrite::Update {
            old: row("b", "x"),
            row: row("z", "c"),
        }));
        assert_eq!(found(&index, &update), [1, 2, 3]);
        assert_eq!(
            found(&index, &event(None)),
            [1, 2, 3],
            "a send carries no row"
        );
        index.remove(2, &filter(0, &["a", "b"]));
        assert_eq!(found(&index, &update), [1, 3]);
    }
}
