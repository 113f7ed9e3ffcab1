//! Promise P7 as a property: for generated rows and filters, SQL selects the rows that the
//! predicate lets through, in the order that was asked for. On SQLite, PostgreSQL and
//! MariaDB, whose columns have collations that would compare otherwise.

mod generate;

use std::cell::Cell;

use hookcast::filter::select::Select;
use hookcast::filter::{Database, View, parse_query};
use hookcast::row::{Cell as RowCell, Row, Table};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sea_query::{
    InsertStatement, MysqlQueryBuilder, PostgresQueryBuilder, Query, SelectStatement,
    SqliteQueryBuilder,
};
use sea_query_sqlx::SqlxBinder as _;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, Row as _, SqlitePool};

use crate::support::databases;
use generate::Case;

/// Each has this many filters over the same rows.
const CASES: u32 = 250;
const FILTERS: usize = 40;

/// A database with the table of `generate::table` in it.
trait Stored {
    const DATABASE: Database;

    /// Makes these rows the table's.
    async fn store(&self, table: &Table, rows: &[Row]);

    /// The first column of what a statement selects.
    async fn texts(&self, statement: SelectStatement) -> Vec<Option<String>>;
}

macro_rules! stored {
    ($pool:ty, $database:expr, $builder:expr) => {
        impl Stored for $pool {
            const DATABASE: Database = $database;

            async fn store(&self, table: &Table, rows: &[Row]) {
                let emptied = sqlx::query("DELETE FROM rows_of_test").execute(self);
                emptied.await.expect("no rows");
                if let Some(insert) = insert(table, rows) {
                    let (sql, values) = insert.build_sqlx($builder);
                    let query = sqlx::query_with(AssertSqlSafe(sql), values);
                    let inserted = query.persistent(false).execute(self);
                    inserted.await.expect("the rows");
                }
            }

            async fn texts(&self, statement: SelectStatement) -> Vec<Option<String>> {
                let (sql, values) = statement.build_sqlx($builder);
                let shown = sql.clone();
                let query = sqlx::query_with(AssertSqlSafe(sql), values);
                let found = query.persistent(false).fetch_all(self).await;
                let found = found.unwrap_or_else(|error| panic!("{error}: {shown}"));
                found.iter().map(|row| row.get(0)).collect()
            }
        }
    };
}

stored!(SqlitePool, Database::Sqlite, SqliteQueryBuilder);
stored!(PgPool, Database::Postgres, PostgresQueryBuilder);
stored!(MySqlPool, Database::MySql, MysqlQueryBuilder);

fn insert(table: &Table, rows: &[Row]) -> Option<InsertStatement> {
    if rows.is_empty() {
        return None;
    }
    let mut insert = Query::insert();
    let columns = table.columns.iter().map(|column| column.name.clone());
    insert.into_table("rows_of_test").columns(columns);
    for row in rows {
        let cells = row.0.iter().zip(&table.columns);
        insert.values_panic(cells.map(|(cell, column)| generate::value(cell, column.kind).into()));
    }
    Some(insert)
}

/// Compares what a database and the predicate make of generated filters.
async fn agree<S: Stored>(stored: &S, foreign: bool) {
    let (pairs, passed, held_back) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let property = |case: Case| {
        let compared = compare(stored, &case);
        let wait = || tokio::runtime::Handle::current().block_on(compared);
        for (all, live) in tokio::task::block_in_place(wait)? {
            pairs.set(pairs.get() + 1);
            passed.set(passed.get() + live);
            held_back.set(held_back.get() + all - live);
        }
        Ok(())
    };
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let cases = generate::cases(FILTERS, foreign);
    if let Err(error) = TestRunner::new(config).run(&cases, property) {
        panic!("{error}");
    }
    // Filters that let all through, or nothing, would agree about anything.
    let (pairs, passed, held_back) = (pairs.get(), passed.get(), held_back.get());
    println!(
        "{:?}: {pairs} pairs; {passed} rows passed, {held_back} did not",
        S::DATABASE
    );
    assert!(pairs >= 10_000, "{pairs}");
    let some = (passed + held_back) / 10;
    assert!(passed > some && held_back > some, "{passed}, {held_back}");
}

/// For each filter, how many rows there are and how many pass.
async fn compare<S: Stored>(stored: &S, case: &Case) -> Result<Vec<(usize, usize)>, TestCaseError> {
    let table = generate::table();
    let kinds: Vec<_> = table.columns.iter().map(|column| column.kind).collect();
    stored.store(&table, &case.rows).await;
    let mut counts = Vec::new();
    for query in &case.queries {
        let view = View::parse(&parse_query(query), Some(&table));
        let view = view.map_err(|error| TestCaseError::fail(format!("{query}: {error}")))?;
        let live = view.arrange(case.rows.iter().collect(), |row| *row, &kinds);
        let live: Vec<_> = live
            .iter()
            .map(|row| Some(row.id(&table).to_owned()))
            .collect();
        let select = Select::view(S::DATABASE, &table, &view);
        let history = stored.texts(select.statement).await;
        if history != live {
            let text = format!("{query}: SQL selects {history:?}, the predicate {live:?}");
            return Err(TestCaseError::fail(text));
        }
        counts.push((case.rows.len(), live.len()));
    }
    Ok(counts)
}

/// Groups are those of equal keys, too, and of what SQL says about NULL.
async fn groups<S: Stored>(stored: &S) {
    let table = generate::table();
    let row = |id: &str, topic: Option<&str>, n: Option<i64>| {
        let cells = table
            .columns
            .iter()
            .map(|column| match column.name.as_str() {
                "id" => RowCell::Text(id.to_owned()),
                "topic" => topic.map_or(RowCell::Null, |topic| RowCell::Text(topic.to_owned())),
                "n" => n.map_or(RowCell::Null, RowCell::Integer),
                _ => RowCell::Null,
            });
        Row(cells.collect())
    };
    let rows = [
        row("1", Some("Help"), Some(1)),
        row("2", Some("help"), Some(2)),
        row("3", Some("Help"), None),
        row("4", Some("Help "), Some(i64::MAX)),
        row("5", Some("Help "), Some(i64::MAX)),
        row("6", None, Some(5)),
    ];
    stored.store(&table, &rows).await;
    let cases: [(&str, &[Option<&str>]); 8] = [
        (
            "_by=topic",
            &[None, Some("Help"), Some("Help "), Some("help")],
        ),
        (
            "_by=topic&_sort=-topic",
            &[Some("help"), Some("Help "), Some("Help"), None],
        ),
        ("_by=topic&n|count>=1", &[Some("Help ")]),
        (
            "_by=topic&n|count>~=1&_sort=-n|max",
            &[Some("Help "), None, Some("help"), Some("Help")],
        ),
        ("_by=topic&n|sum>=5", &[Some("Help ")]),
        ("_by=topic&n|avg=5", &[None]),
        ("_by=topic&id|max<~=2", &[Some("help")]),
        ("_by=&_c=topic|max", &[Some("help")]),
    ];
    for (query, expected) in cases {
        let view = View::parse(&parse_query(query), Some(&table)).expect(query);
        let found = stored
            .texts(Select::view(S::DATABASE, &table, &view).statement)
            .await;
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, expected, "{query} on {:?}", S::DATABASE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let options = SqlitePoolOptions::new().max_connections(1);
    let pool = options
        .connect("sqlite::memory:")
        .await
        .expect("a database");
    let columns = "body TEXT COLLATE NOCASE, topic TEXT COLLATE RTRIM, n INTEGER, ratio REAL, \
         done BOOLEAN, day TEXT, id TEXT COLLATE NOCASE PRIMARY KEY, \"user\" TEXT, \
         timestamp TEXT";
    let table = format!("CREATE TABLE rows_of_test ({columns})");
    let created = sqlx::raw_sql(AssertSqlSafe(table)).execute(&pool).await;
    created.expect("a table");
    agree(&pool, false).await;
    agree(&pool, true).await;
    groups(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let Some((_running, pool)) = databases::postgres("filters_agree::on_postgres").await else {
        return;
    };
    let columns = "body TEXT COLLATE \"und-x-icu\", topic VARCHAR(20) COLLATE \"und-x-icu\", n BIGINT, \
         ratio DOUBLE PRECISION, done BOOLEAN, day TEXT, \
         id TEXT COLLATE \"und-x-icu\" PRIMARY KEY, \"user\" TEXT, timestamp TEXT";
    let table = format!("CREATE TABLE rows_of_test ({columns})");
    let created = sqlx::raw_sql(AssertSqlSafe(table)).execute(&pool).await;
    created.expect("a table");
    agree(&pool, false).await;
    groups(&pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_mariadb() {
    let Some((_running, pool)) = databases::mariadb("filters_agree::on_mariadb").await else {
        return;
    };
    let columns = "body TEXT, topic VARCHAR(20), n BIGINT, ratio DOUBLE, done BOOLEAN, day TEXT, \
         id VARCHAR(40) PRIMARY KEY, `user` TEXT, timestamp TEXT";
    let table = format!("CREATE TABLE rows_of_test ({columns})");
    let created = sqlx::raw_sql(AssertSqlSafe(table)).execute(&pool).await;
    created.expect("a table");
    agree(&pool, false).await;
    groups(&pool).await;
}
