//! Rows and filters that are likely to meet, and to disagree where a comparison is a
//! database's own.

use hookcast::row::{Cell, Column, ColumnType, Row, Table};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sea_query::Value;

/// Rows in the table, and query strings about them.
#[derive(Debug, Clone)]
pub struct Case {
    pub rows: Vec<Row>,
    pub queries: Vec<String>,
}

const OPERATORS: [&str; 6] = ["", "!", ">", ">~", "<", "<~"];
const SEARCHES: [&str; 4] = ["~", "!~", "*", "!*"];

/// What texts are made of: letters that collations, LIKE or trimming treat as others.
const LETTERS: [&str; 17] = [
    "a", "A", "b", "B", "z", "Z", "ä", "Ä", "é", "e\u{301}", "ß", "\u{212a}", "ſ", " ", "%", "_",
    "\\",
];

const NUMBERS: [i64; 10] = [
    0,
    1,
    2,
    3,
    -1,
    10,
    9,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];

const RATIOS: [f64; 9] = [0.0, -0.0, 0.1, 0.5, 1.0, -1.5, 10.0, 1e300, 1e-300];

/// Times as programs store them, and what is none.
const STORED_TIMES: [&str; 16] = [
    "2023",
    "2023-03",
    "2023-03-01",
    "2023-03-01 00:00:00",
    "2023-03-01T00:00:00Z",
    "2023-03-01T00:00:00.000Z",
    "2023-03-01T00:00:00.000000",
    "2023-03-01T00:00:00.000001",
    "2023-03-01T00:00:00.0000001",
    "2023-02-28T23:59:59.999999",
    "2023-03-01T10:30",
    "2024-02-29",
    "2022-12-31T23:59:59Z",
    "tomorrow",
    "Ärger im Büro, um zehn nach Zwölf",
    "",
];

const ASKED_TIMES: [&str; 13] = [
    "0000",
    "2023",
    "2023-03",
    "2023-03-01",
    "2023-03-01T00:00:00Z",
    "2023-03-01 00:00",
    "2023-03-01T02:00+02:00",
    "2023-03-01T00:00:00.000001",
    "2023-03-01T00:00:00.0000001",
    "2023-03-01T10:30",
    "2024-02-29",
    "2022",
    "9999-12-31",
];

/// The table that generated rows are of.
pub fn table() -> Table {
    let columns = [
        ("body", ColumnType::Text),
        ("topic", ColumnType::Text),
        ("n", ColumnType::Integer),
        ("ratio", ColumnType::Real),
        ("done", ColumnType::Boolean),
        ("day", ColumnType::Date),
    ];
    let columns = columns.map(|(name, kind)| Column::new(name, kind));
    Table::new("rows_of_test".into(), columns.to_vec())
}

/// Cases with this many filters each. `foreign` rows are what other programs can store in
/// SQLite's columns, whatever their types are.
pub fn cases(filters: usize, foreign: bool) -> impl Strategy<Value = Case> {
    let rows = vec(row(foreign), 0..25).prop_map(numbered);
    let queries = vec(query(foreign), filters);
    (rows, queries).prop_map(|(rows, queries)| Case { rows, queries })
}

/// Gives rows ids that a collation which ignores case would sort otherwise.
fn numbered(mut rows: Vec<Row>) -> Vec<Row> {
    let table = table();
    let id = table.position("id").expect("an id");
    for (at, row) in rows.iter_mut().enumerate() {
        let letter = if at % 2 == 0 { 'r' } else { 'R' };
        row.0[id] = Cell::Text(format!("{letter}{at:02}"));
    }
    rows
}

fn row(foreign: bool) -> impl Strategy<Value = Row> {
    let table = table();
    let cells = table
        .columns
        .into_iter()
        .map(|column| cell(column, foreign));
    cells.collect::<Vec<_>>().prop_map(Row)
}

fn cell(column: Column, foreign: bool) -> BoxedStrategy<Cell> {
    let own = match column.kind {
        ColumnType::Text | ColumnType::Json => text().prop_map(Cell::Text).boxed(),
        ColumnType::Date | ColumnType::Timestamp => {
            let times = select(&STORED_TIMES[..]);
            times.prop_map(|time| Cell::Text(time.to_owned())).boxed()
        }
        ColumnType::Integer => select(&NUMBERS[..]).prop_map(Cell::Integer).boxed(),
        ColumnType::Real => select(&RATIOS[..]).prop_map(Cell::Real).boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(Cell::Boolean).boxed(),
    };
    let strange = match column.kind {
        _ if !foreign => Just(Cell::Null).boxed(),
        ColumnType::Text | ColumnType::Json => Just(Cell::Text("a\0B".into())).boxed(),
        ColumnType::Date | ColumnType::Timestamp => Just(Cell::Text("2023\0".into())).boxed(),
        ColumnType::Integer => select(vec![Cell::Real(1.5), Cell::Text("many".into())]).boxed(),
        ColumnType::Real => Just(Cell::Text("half".into())).boxed(),
        ColumnType::Boolean => select(vec![Cell::Integer(5), Cell::Text("yes".into())]).boxed(),
    };
    prop_oneof![6 => own, 1 => Just(Cell::Null), 1 => strange].boxed()
}

fn text() -> impl Strategy<Value = String> {
    vec(select(&LETTERS[..]), 0..4).prop_map(|letters| letters.concat())
}

fn query(foreign: bool) -> impl Strategy<Value = String> {
    let conditions = prop_oneof![
        1 => vec(condition(), 0..=0),
        6 => vec(condition(), 1..=1),
        3 => vec(condition(), 2..=3),
    ];
    // Texts have no place among numbers.
    let sorts = vec(sort(), if foreign { 0..1 } else { 0..3 });
    (conditions, sorts).prop_map(|(conditions, sorts)| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(conditions.into_iter().flatten());
        query.extend_pairs(sorts.iter().map(|sort| ("_sort", sort)));
        query.append_pair("_sort", "id").append_pair("_c", "id");
        query.finish()
    })
}

fn sort() -> impl Strategy<Value = String> {
    let names = table().columns.into_iter().map(|column| column.name);
    let names: Vec<_> = names.collect();
    (select(names), any::<bool>()).prop_map(|(name, descending)| match descending {
        true => format!("-{name}"),
        false => name,
    })
}

fn condition() -> impl Strategy<Value = Vec<(String, String)>> {
    select(table().columns).prop_flat_map(|column| {
        let operators = OPERATORS.iter().chain(match column.kind.is_text() {
            true => &SEARCHES[..],
            false => &[],
        });
        let operators: Vec<_> = operators.copied().collect();
        (select(operators), vec(asked(column.kind), 1..=3)).prop_map(move |(operator, values)| {
            let key = format!("{}{operator}", column.name);
            // All but two of them need a value.
            let valued = values.iter().any(|value| !value.is_empty());
            let values = match (operator, valued) {
                ("" | "!", _) | (_, true) => values,
                _ if column.kind.is_text() => vec!["2023".to_owned()],
                _ => vec!["1".to_owned()],
            };
            values
                .into_iter()
                .map(|value| (key.clone(), value))
                .collect()
        })
    })
}

/// A filter's value for a column of this type.
fn asked(kind: ColumnType) -> BoxedStrategy<String> {
    let value = match kind {
        ColumnType::Text | ColumnType::Json => text().boxed(),
        ColumnType::Date | ColumnType::Timestamp => {
            select(&ASKED_TIMES[..]).prop_map(str::to_owned).boxed()
        }
        ColumnType::Integer => select(&NUMBERS[..]).prop_map(|n| n.to_string()).boxed(),
        ColumnType::Real => select(&RATIOS[..]).prop_map(|n| format!("{n:?}")).boxed(),
        ColumnType::Boolean => select(vec!["true", "false", "1", "0"])
            .prop_map(str::to_owned)
            .boxed(),
    };
    prop_oneof![9 => value, 1 => Just(String::new())].boxed()
}

/// A cell as it is bound, NULLs with their column's type.
pub fn value(cell: &Cell, kind: ColumnType) -> Value {
    match (cell, kind) {
        (Cell::Null, ColumnType::Integer) => Value::BigInt(None),
        (Cell::Null, ColumnType::Real) => Value::Double(None),
        (Cell::Null, ColumnType::Boolean) => Value::Bool(None),
        (Cell::Null, _) => Value::String(None),
        (Cell::Integer(n), _) => (*n).into(),
        (Cell::Real(n), _) => (*n).into(),
        (Cell::Text(text), _) => text.clone().into(),
        (Cell::Boolean(b), _) => (*b).into(),
    }
}
