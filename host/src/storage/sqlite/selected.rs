//! Reading the rows that one message is about.

use futures_util::TryStreamExt as _;

use super::read::{SqliteReader, weight};
use super::select;
use crate::filter::Filter;
use crate::row::{Row, Table};

impl SqliteReader {
    /// Committed rows that pass the filter, oldest first. None if there are more of them,
    /// or larger ones, than this.
    pub async fn selected(
        &self,
        table: &Table,
        filter: &Filter,
        most: u32,
        most_bytes: usize,
    ) -> sqlx::Result<Option<Vec<Row>>> {
        let part = select::whole(table, filter, most.saturating_add(1));
        let mut stream = part.query().fetch(&self.pool);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(result) = stream.try_next().await? {
            let row = part.row(&result)?;
            bytes += weight(&row);
            if rows.len() == most as usize || bytes > most_bytes {
                return Ok(None);
            }
            rows.push(row);
        }
        Ok(Some(rows))
    }
}
