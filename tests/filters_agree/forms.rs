//! The same for columns that a server holds in a form of its own: UUIDs, decimals, dates and
//! times. Every filter of a kind is tried on every value.

use hookcast::filter::select::Select;
use hookcast::filter::{View, parse_query};
use hookcast::row::{Cell, Column, ColumnType, Row, Table, Type};

use super::Stored;

const UUIDS: [&str; 3] = [
    "00000000-0000-0000-0000-000000000001",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];
const DECIMALS: [f64; 5] = [0.0, 0.1, -0.25, 12.5, 999_999.99];
const DAYS: [&str; 4] = ["1999-12-31", "2023-03-01", "2023-04-01", "2024-02-29"];
const TIMES: [&str; 4] = [
    "2023-03-01T00:00:00.000000",
    "2023-03-01T00:00:00.000001",
    "2023-12-31T23:59:59.999999",
    "2024-02-29T12:30:00.500000",
];

const QUERIES: [(&str, &[&str]); 4] = [
    (
        "token",
        &[
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
            "f81d",
            "-0000-",
        ],
    ),
    ("price", &["0", "0.1", "-0.25", "12.50", "1e6"]),
    (
        "day",
        &["2023", "2023-04", "2023-04-01", "2024-02-29T00:00"],
    ),
    (
        "moment",
        &[
            "2023",
            "2023-03-01T00:00:00.000001",
            "2024-02-29T12:30:00.5",
            "2023-12",
        ],
    ),
];

fn table() -> Table {
    let columns = [
        ("token", "UUID"),
        ("price", "NUMERIC(8, 2)"),
        ("day", "DATE"),
        ("moment", "TIMESTAMP"),
    ];
    let columns = columns.map(|(name, declared)| {
        let found = Type::parse(declared, true).expect("a type");
        let mut column = Column::new(name, found.kind);
        column.form = found.form;
        column
    });
    Table::new("forms_of_test".into(), columns.to_vec())
}

/// Each value in a row with others, and rows without any.
fn rows(table: &Table) -> Vec<Row> {
    let text = |values: &[&str], at: usize| match values.get(at % (values.len() + 1)) {
        Some(text) => Cell::Text((*text).to_owned()),
        None => Cell::Null,
    };
    let rows = (0..60).map(|at| {
        let cells = table.columns.iter().map(|column| match &*column.name {
            "token" => text(&UUIDS, at),
            "price" => match DECIMALS.get(at % (DECIMALS.len() + 1)) {
                Some(price) => Cell::Real(*price),
                None => Cell::Null,
            },
            "day" => text(&DAYS, at / 2),
            "moment" => text(&TIMES, at / 3),
            "id" => Cell::Text(format!("r{at:02}")),
            _ => Cell::Null,
        });
        Row(cells.collect())
    });
    rows.collect()
}

/// `types` are the server's own for the four columns.
pub async fn agree<S: Stored>(stored: &S, types: [&str; 4]) {
    let table = table();
    let [token, price, day, moment] = types;
    stored
        .run(&format!(
            "CREATE TABLE forms_of_test (token {token}, price {price}, day {day}, \
             moment {moment}, id VARCHAR(10) PRIMARY KEY)"
        ))
        .await;
    let rows = rows(&table);
    for row in &rows {
        let cells = row.0.iter().take(5).map(|cell| match cell {
            Cell::Text(text) => format!("'{text}'"),
            Cell::Real(n) => n.to_string(),
            _ => "NULL".to_owned(),
        });
        let cells: Vec<_> = cells.collect();
        stored
            .run(&format!(
                "INSERT INTO forms_of_test VALUES ({})",
                cells.join(", ")
            ))
            .await;
    }
    let kinds: Vec<ColumnType> = table.columns.iter().map(|column| column.kind).collect();
    let (mut tried, mut passed) = (0, 0);
    for (column, values) in QUERIES {
        let searches: &[&str] = if column == "token" { &["~", "!*"] } else { &[] };
        for value in values {
            let operators = ["", "!", ">", ">~", "<", "<~"];
            for operator in operators.iter().chain(searches) {
                for query in [
                    format!("{column}{operator}={value}&_sort=id"),
                    format!("{column}{operator}={value}&_sort=-{column}&_sort=id"),
                    format!("{column}!=&{column}!&_sort=id"),
                ] {
                    let view = View::parse(&parse_query(&query), Some(&table));
                    let Ok(view) = view else { continue };
                    let live = view.arrange(rows.iter().collect(), |row| *row, &kinds);
                    let live: Vec<_> = live
                        .iter()
                        .map(|row| Some(row.id(&table).into_owned()))
                        .collect();
                    let mut shown = view.clone();
                    let only = View::parse(&parse_query("_c=id"), Some(&table));
                    shown.projection = only.expect("a view").projection;
                    let select = Select::view(S::DATABASE, &table, &shown);
                    let history = stored.texts(select.statement).await;
                    assert_eq!(history, live, "{query} on {:?}", S::DATABASE);
                    tried += 1;
                    passed += live.len();
                }
            }
        }
    }
    assert!(tried > 250, "{tried}");
    assert!(
        passed > 3_000 && passed < tried * rows.len() / 2,
        "{passed}"
    );
}
