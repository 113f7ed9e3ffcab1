//! `_c`: which keys of a row are shown, in history and live.

use serde_json::{Map, Value};

use crate::rejection::Rejection;
use crate::row::Table;

use super::problem::{bad, unknown_column};

/// Not a column, but a key of every message; only live messages have it.
const METHOD: &str = "_method";

/// Which keys of a row a subscriber sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Projection {
    #[default]
    All,
    /// These, in this order.
    Only(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

impl Projection {
    /// Reads the values of `_c`: `col`, or `-col` for all but it. Where both occur, those
    /// with `-` are taken from the others.
    ///
    /// # Errors
    /// `bad_filter` for an unknown column, and if no column is left.
    pub fn read(values: &[String], table: &Table) -> Result<Self, Rejection> {
        let is_key = |name: &str| name == METHOD || table.position(name).is_some();
        let (mut shown, mut hidden): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for value in values {
            let (list, name) = match value.strip_prefix('-') {
                Some(name) => (&mut hidden, name),
                None => (&mut shown, value.as_str()),
            };
            if !is_key(name) {
                return Err(unknown_column(&format!("_c={value}"), name, Some(table)));
            }
            if !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        }
        let projection = if shown.is_empty() {
            hidden.sort_unstable();
            Self::Without(hidden)
        } else {
            shown.retain(|name| !hidden.contains(name));
            Self::Only(shown)
        };
        if projection.columns(table).is_empty() {
            return Err(bad("`_c` leaves no column: name one".to_owned()));
        }
        Ok(projection)
    }

    /// The columns that are shown, as positions in the table.
    pub fn columns(&self, table: &Table) -> Vec<usize> {
        match self {
            Self::All => (0..table.columns.len()).collect(),
            Self::Only(names) => names
                .iter()
                .filter_map(|name| table.position(name))
                .collect(),
            Self::Without(names) => {
                let hidden = |at: &usize| names.contains(&table.columns[*at].name);
                (0..table.columns.len()).filter(|at| !hidden(at)).collect()
            }
        }
    }

    /// What is shown of a message or a row.
    pub fn apply(&self, mut object: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::All => object,
            Self::Only(names) => names
                .iter()
                .filter_map(|name| object.remove_entry(name))
                .collect(),
            Self::Without(names) => {
                object.retain(|name, _| !names.contains(name));
                object
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rejection::code;

    fn read(values: &[&str]) -> Result<Projection, Rejection> {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        Projection::read(&values, &Table::new("t".into(), Vec::new()))
    }

    fn shown(values: &[&str]) -> String {
        let message = json!({"user": "u", "_method": "POST", "id": "1", "x": 1});
        let Value::Object(message) = message else {
            panic!("an object")
        };
        Value::Object(read(values).expect("a projection").apply(message)).to_string()
    }

    #[test]
    fn chosen_keys_come_in_their_order() {
        assert_eq!(shown(&["id", "user"]), r#"{"id":"1","user":"u"}"#);
        assert_eq!(shown(&["timestamp", "id"]), r#"{"id":"1"}"#);
        assert_eq!(shown(&["_method", "id"]), r#"{"_method":"POST","id":"1"}"#);
        assert_eq!(shown(&["id", "user", "-user"]), r#"{"id":"1"}"#);
    }

    #[test]
    fn what_is_left_out_leaves_the_rest_as_it_is() {
        assert_eq!(shown(&["-user"]), r#"{"_method":"POST","id":"1","x":1}"#);
    }

    #[test]
    fn unknown_columns_and_none_at_all_are_refused() {
        for values in [
            &["nosuch"][..],
            &["-nosuch"],
            &[""],
            &["_method"],
            &["id", "-id"],
            &["-id", "-user", "-timestamp"],
            &["id|max"],
        ] {
            let refused = read(values).expect_err("refused");
            assert_eq!(refused.code, code::BAD_FILTER, "{values:?}");
        }
    }
}
