//! Reading the rows that one message is about.

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;

use super::read::{SqliteReader, bind, weight};
use super::sql::{column_list, quoted, row_from};
use crate::filter::Filter;
use crate::row::{Row, Table};

impl SqliteReader {
    /// Committed rows that pass the filter, oldest first. None if there are more of them,
    /// or larger ones, than this.
    pub async fn selected(
        &self,
        table: &Table,
        filter: &Filter,
        most: usize,
        most_bytes: usize,
    ) -> sqlx::Result<Option<Vec<Row>>> {
        let (condition, values) = filter.to_sql(table, quoted);
        let sql = format!(
            "SELECT {} FROM {}{condition} ORDER BY rowid LIMIT {}",
            column_list(table),
            quoted(&table.name),
            most + 1
        );
        let query = values
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), bind);
        let mut stream = query.fetch(&self.pool);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(result) = stream.try_next().await? {
            let row = row_from(&result, table)?;
            bytes += weight(&row);
            if rows.len() == most || bytes > most_bytes {
                return Ok(None);
            }
            rows.push(row);
        }
        Ok(Some(rows))
    }
}
