//! The stored rows that a message is about: none for a POST, the row with an `id` for PUT
//! and DELETE, and for a DELETE without `id` those that its keys select.

use serde_json::{Map, Value};

use crate::args;
use crate::endpoint::Endpoint;
use crate::filter::{Args, Filter};
use crate::log::Method;
use crate::log::submission::Command;
use crate::rejection::{Rejection, code};
use crate::row::{Row, Table};
use crate::storage::sqlite::read::SqliteReader;

/// Most rows that one DELETE takes with it: all of it is read, written and told in one
/// piece.
const MOST_ROWS: u32 = 10_000;
/// Most bytes of them.
const MOST_BYTES: usize = 64 << 20;

/// Which rows, as the message says it.
#[derive(Debug)]
pub(super) enum Target {
    /// The row that a POST makes.
    New,
    Id(String),
    Selected(Filter),
}

/// Whether a message selects rows by conditions: it must see what was sent before it on
/// the same connection.
pub fn is_selection(command: &Command) -> bool {
    matches!(
        command,
        Command::Change { method: Method::Delete, message } if selects(message)
    )
}

/// A list of ids is a condition as on any other column.
fn selects(message: &Map<String, Value>) -> bool {
    matches!(message.get("id"), None | Some(Value::Array(_)))
}

impl Target {
    /// # Errors
    /// A PUT or DELETE that does not say which rows; conditions that can't be read.
    pub fn of(
        endpoint: &Endpoint,
        method: Method,
        message: &Map<String, Value>,
    ) -> Result<Self, Rejection> {
        if method == Method::Post {
            return Ok(Self::New);
        }
        let (table, _) = kept(endpoint)?;
        if method == Method::Delete && selects(message) {
            let args = conditions(message, table)?;
            return Filter::parse(&args, Some(table)).map(Self::Selected);
        }
        match message.get("id").and_then(Value::as_str) {
            Some(id) if !id.is_empty() => Ok(Self::Id(id.to_owned())),
            _ => {
                let text = format!("{} needs the row's `id`, as text", method.as_str());
                Err(Rejection::new(code::MISSING_ID, text))
            }
        }
    }

    /// The rows as committed, oldest first.
    ///
    /// # Errors
    /// `not_found` where there are none, `too_many_rows` where there are too many.
    pub async fn rows(&self, endpoint: &Endpoint) -> Result<Vec<Row>, Rejection> {
        let (table, storage) = match self {
            Self::New => return Ok(Vec::new()),
            Self::Id(_) | Self::Selected(_) => kept(endpoint)?,
        };
        let found = match self {
            Self::New => Ok(Some(Vec::new())),
            Self::Id(id) => storage
                .row(table, id)
                .await
                .map(|row| Some(Vec::from_iter(row))),
            Self::Selected(filter) => {
                let rows = storage.selected(table, filter, MOST_ROWS, MOST_BYTES);
                rows.await
            }
        };
        let found = found.map_err(|error| {
            tracing::error!(endpoint = %endpoint.name, %error, "rows can't be read");
            let text = "the table can't be read now; try again";
            Rejection::new(code::UNAVAILABLE, text)
        })?;
        match found {
            Some(rows) if rows.is_empty() => Err(self.not_found()),
            Some(rows) => Ok(rows),
            None => Err(Rejection::new(
                code::TOO_MANY_ROWS,
                format!(
                    "this would delete more than {MOST_ROWS} rows, or {} MiB of them; narrow it \
                     down",
                    MOST_BYTES >> 20
                ),
            )),
        }
    }

    fn not_found(&self) -> Rejection {
        let text = match self {
            Self::Id(id) => format!("there is no row with id `{id}`"),
            Self::New | Self::Selected(_) => "no row fits; nothing was deleted".to_owned(),
        };
        Rejection::new(code::NOT_FOUND, text)
    }
}

fn kept(endpoint: &Endpoint) -> Result<(&Table, &SqliteReader), Rejection> {
    match (&endpoint.table, &endpoint.reader.storage) {
        (Some(table), Some(storage)) => Ok((table, storage)),
        _ => {
            let text = "this endpoint keeps no rows; only POST makes sense";
            Err(Rejection::new(code::UNKNOWN_METHOD, text))
        }
    }
}

/// The conditions of a DELETE, as a query string would have them. Whatever could select
/// more than was meant is refused: an empty value, a null, keys that shape history.
fn conditions(message: &Map<String, Value>, table: &Table) -> Result<Args, Rejection> {
    let mut conditions = Args::new();
    for (key, value) in message {
        if key == "_method" || key == "_alert" {
            continue;
        }
        let wrong = |text: String| Rejection::new(code::BAD_FILTER, text);
        if key.starts_with('_') {
            let text = format!("`{key}` means nothing in a DELETE; leave it out");
            return Err(wrong(text));
        }
        let values = match value {
            Value::Array(_) => args::values(key, value),
            value => args::value(key, value).map(|value| vec![value]),
        };
        match values {
            Ok(values) if !values.is_empty() => conditions.push((key.clone(), values)),
            Ok(_) => return Err(wrong(format!("`{key}` has no value to delete by"))),
            Err(problem) => return Err(wrong(format!("`{key}` in a DELETE: {problem}"))),
        }
    }
    if conditions.is_empty() {
        let columns: Vec<_> = table.columns.iter().map(|column| &*column.name).collect();
        let text = format!(
            "DELETE needs the row's `id`, or conditions on columns ({})",
            columns.join(", ")
        );
        return Err(Rejection::new(code::MISSING_ID, text));
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row::{Cell, Column, ColumnType};

    fn table() -> Table {
        let column = Column {
            name: "n".into(),
            kind: ColumnType::Integer,
            nullable: true,
            default: Cell::Null,
        };
        Table::new("chat".into(), vec![column])
    }

    fn read(message: Value) -> Result<Args, String> {
        let message = message.as_object().cloned().unwrap_or_default();
        conditions(&message, &table()).map_err(|rejection| rejection.code.into_owned())
    }

    #[test]
    fn keys_become_conditions_as_in_a_query_string() {
        let message = json!({"_method": "DELETE", "_alert": false, "n>": 5, "id": ["a", "b"]});
        let expected = [("n>", vec!["5"]), ("id", vec!["a", "b"])];
        let expected = expected.map(|(key, values)| {
            let values = values.into_iter().map(str::to_owned).collect();
            (key.to_owned(), values)
        });
        assert_eq!(read(message), Ok(expected.to_vec()));
        let null = vec![("n!".to_owned(), vec![String::new()])];
        assert_eq!(read(json!({"n!": ""})), Ok(null));
    }

    /// Each of these would delete more than its sender has in mind.
    #[test]
    fn what_could_select_too_much_is_refused() {
        for message in [
            json!({"n": ""}),
            json!({"n": null}),
            json!({"n": []}),
            json!({"n": ["1", ""]}),
            json!({"n": [null]}),
            json!({"n": {"$gt": 1}}),
            json!({"n": 1, "_limit": "1"}),
            json!({"n": 1, "_type": "x"}),
        ] {
            assert_eq!(read(message.clone()), Err("bad_filter".into()), "{message}");
        }
        assert_eq!(read(json!({"_method": "DELETE"})), Err("missing_id".into()));
    }

    #[test]
    fn only_a_delete_without_one_id_selects() {
        let command = |method, message: Value| Command::Change {
            method,
            message: message.as_object().cloned().unwrap_or_default(),
        };
        assert!(is_selection(&command(Method::Delete, json!({"n>": "5"}))));
        assert!(is_selection(&command(Method::Delete, json!({"id": ["a"]}))));
        assert!(!is_selection(&command(
            Method::Delete,
            json!({"id": "a", "n>": "5"})
        )));
        assert!(!is_selection(&command(Method::Delete, json!({"id": ""}))));
        assert!(!is_selection(&command(Method::Put, json!({"n>": "5"}))));
    }
}
