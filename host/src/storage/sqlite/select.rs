//! Views of a table as SQLite reads them: whose rows have an order of their own, `rowid`.

use sea_query::{Expr, Order, SqliteQueryBuilder};
use sea_query_sqlx::{SqlxBinder as _, SqlxValues};
use sqlx::query::Query;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Sqlite};

use super::sql::cells_from;
use crate::filter::select::Select;
use crate::filter::{Database, Filter, View};
use crate::row::{Row, Table};

/// A part of what a view shows.
pub struct Part {
    pub select: Select,
    /// The last rows were asked for, beginning with the last one.
    pub newest_first: bool,
}

/// History: all that a view shows, and one row more than `most` if there are more. The
/// last ones, unless the view says which.
pub fn part(table: &Table, view: &View, most: usize) -> Part {
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    if !view.shaping.is_none() {
        return asked(table, view, most);
    }
    let mut select = Select::view(Database::Sqlite, table, view);
    select
        .statement
        .order_by_expr(rowid(), Order::Desc)
        .limit(most);
    Part {
        select,
        newest_first: true,
    }
}

/// The first `most` rows of what a view shows.
pub fn first(table: &Table, view: &View, most: u32) -> Part {
    asked(table, view, u64::from(most))
}

/// All columns of the first `most` rows that pass a filter.
pub fn whole(table: &Table, filter: &Filter, most: u32) -> Part {
    let mut select = Select::rows(Database::Sqlite, table, filter);
    let most = u64::from(most);
    select
        .statement
        .order_by_expr(rowid(), Order::Asc)
        .limit(most);
    Part {
        select,
        newest_first: false,
    }
}

fn asked(table: &Table, view: &View, most: u64) -> Part {
    let mut select = Select::view(Database::Sqlite, table, view);
    let shaping = &view.shaping;
    if shaping.by.is_none() {
        // Rows that are equal to the order asked for.
        select.statement.order_by_expr(rowid(), Order::Asc);
    }
    let limit = shaping.limit.map_or(most, |limit| limit.min(most));
    select.statement.limit(limit).offset(shaping.offset);
    Part {
        select,
        newest_first: false,
    }
}

fn rowid() -> Expr {
    Expr::cust("rowid")
}

impl Part {
    pub fn query(&self) -> Query<'static, Sqlite, SqlxValues> {
        let (sql, values) = self.select.statement.build_sqlx(SqliteQueryBuilder);
        sqlx::query_with(AssertSqlSafe(sql), values)
    }

    /// The cells of a result.
    pub fn row(&self, result: &SqliteRow) -> sqlx::Result<Row> {
        cells_from(result, self.select.outputs.iter().map(|output| output.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::parse_query;

    #[test]
    fn an_equal_id_is_found_by_its_index() {
        let table = Table::new("t".into(), Vec::new());
        let view = View::parse(&parse_query("id=a&id=b"), Some(&table)).expect("a view");
        let part = first(&table, &view, 10);
        let sql = part.select.statement.to_string(SqliteQueryBuilder);
        let database = rusqlite::Connection::open_in_memory().expect("a database");
        let create = "CREATE TABLE t (id TEXT PRIMARY KEY, user TEXT, timestamp TEXT)";
        database.execute(create, []).expect("a table");
        let plan = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: String = database
            .query_row(&plan, [], |row| row.get("detail"))
            .expect("a plan");
        assert!(plan.starts_with("SEARCH t USING"), "{plan}: {sql}");
    }
}
