//! Which classes can an event concern? Found by hashing, not by asking each class.
//!
//! A class whose filter has a condition of equality is entered under the values of the
//! first one. An event is looked up with its row's values, old and new; the few classes
//! found are then asked properly. So are, for each event, those that no hash can exclude.

use std::collections::HashMap;

use crate::filter::{CellKey, Condition, Filter};
use crate::log::Event;
use crate::row::{Cell, ColumnType};

pub type ClassId = u32;

#[derive(Default)]
pub struct ClassIndex {
    /// Classes without a condition of equality: every event of the audience `All` may
    /// concern them.
    unhashed: Vec<ClassId>,
    /// By column.
    hashed: HashMap<usize, ByValue>,
    /// All classes, for events that carry no row.
    all: Vec<ClassId>,
}

/// Classes by the values of one column.
struct ByValue {
    kind: ColumnType,
    classes: HashMap<CellKey, Vec<ClassId>>,
}

impl ClassIndex {
    pub fn insert(&mut self, class: ClassId, filter: &Filter) {
        self.all.push(class);
        let Some((condition, values)) = equality(filter) else {
            self.unhashed.push(class);
            return;
        };
        let column = self.hashed.entry(condition.column);
        let column = column.or_insert_with(|| ByValue {
            kind: condition.kind,
            classes: HashMap::new(),
        });
        for cell in values {
            let classes = column.classes.entry(CellKey::of(cell)).or_default();
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
    }

    pub fn remove(&mut self, class: ClassId, filter: &Filter) {
        self.all.retain(|known| *known != class);
        self.unhashed.retain(|known| *known != class);
        let Some((condition, values)) = equality(filter) else {
            return;
        };
        if let Some(column) = self.hashed.get_mut(&condition.column) {
            for cell in values {
                let key = CellKey::of(cell);
                if let Some(classes) = column.classes.get_mut(&key) {
                    classes.retain(|known| *known != class);
                    if classes.is_empty() {
                        column.classes.remove(&key);
                    }
                }
            }
            if column.classes.is_empty() {
                self.hashed.remove(&condition.column);
            }
        }
    }

    /// Calls `visit` for each class that may see the event; for some perhaps twice.
    pub fn candidates(&self, event: &Event, mut visit: impl FnMut(ClassId)) {
        if event.change.is_none() {
            self.all.iter().copied().for_each(visit);
            return;
        }
        self.unhashed.iter().copied().for_each(&mut visit);
        for (column, values) in &self.hashed {
            for row in [event.row(), event.old()].into_iter().flatten() {
                let key = CellKey::stored(&row.0[*column], values.kind);
                if let Some(classes) = values.classes.get(&key) {
                    classes.iter().copied().for_each(&mut visit);
                }
            }
        }
    }
}

/// The first condition that only some values can pass, with these.
fn equality(filter: &Filter) -> Option<(&Condition, &[Cell])> {
    let mut conditions = filter.0.iter();
    conditions.find_map(|condition| Some((condition, condition.test.only()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Test;
    use crate::log::{Audience, Method};
    use crate::row::{Row, RowWrite};

    fn text(value: &str) -> Cell {
        Cell::Text(value.into())
    }

    fn filter(column: usize, values: &[&str]) -> Filter {
        Filter(vec![Condition {
            column,
            kind: ColumnType::Text,
            test: Test::In(values.iter().map(|v| text(v)).collect()),
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

    #[test]
    fn asks_those_that_no_hash_excludes_and_finds_times_however_written() {
        let mut index = ClassIndex::default();
        let condition = |column, test| Condition {
            column,
            kind: ColumnType::Timestamp,
            test,
        };
        let above = condition(0, Test::Above(text("2023-01-01T00:00:00.000000")));
        let at = condition(1, Test::In(vec![text("2023-04-01T00:00:00.000000")]));
        index.insert(1, &Filter(vec![above.clone()]));
        index.insert(2, &Filter(vec![above, at]));
        let row = |second: &str| Row(vec![text("x"), text(second)]);
        let there = event(Some(RowWrite::Insert {
            row: row("2023-04-01 00:00Z"),
        }));
        assert_eq!(found(&index, &there), [1, 2]);
        let elsewhere = event(Some(RowWrite::Insert {
            row: row("2023-04-02"),
        }));
        assert_eq!(found(&index, &elsewhere), [1]);
    }
}
