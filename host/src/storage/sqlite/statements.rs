//! The statements that write one table's rows.

use std::collections::HashMap;
use std::sync::Arc;

use super::sql::{column_list, quoted};
use crate::row::Table;

/// Made once for each table.
#[derive(Default)]
pub struct Statements {
    /// By the table's address.
    tables: HashMap<usize, TableSql>,
}

impl Statements {
    /// Makes a table's statements known.
    pub fn learn(&mut self, table: &Arc<Table>) {
        self.tables
            .entry(address(table))
            .or_insert_with(|| TableSql::new(table.clone()));
    }

    /// The statements of a table that was learnt.
    pub fn of(&self, table: &Arc<Table>) -> &TableSql {
        &self.tables[&address(table)]
    }
}

fn address(table: &Arc<Table>) -> usize {
    Arc::as_ptr(table) as usize
}

/// The statements of one table. Holds the table, so that its address stays its own.
pub struct TableSql {
    _table: Arc<Table>,
    pub insert: String,
    pub update: String,
    pub delete: String,
}

impl TableSql {
    fn new(table: Arc<Table>) -> Self {
        let name = quoted(&table.name);
        let marks = vec!["?"; table.columns.len()].join(", ");
        let assigned = joined(&table, " = ?", ", ");
        // `IS` compares NULLs, too; the id alone finds the row by its index.
        let unchanged = joined(&table, " IS ?", " AND ");
        Self {
            insert: format!(
                "INSERT INTO {name} ({}) VALUES ({marks})",
                column_list(&table)
            ),
            update: format!("UPDATE {name} SET {assigned} WHERE {unchanged}"),
            delete: format!("DELETE FROM {name} WHERE {unchanged}"),
            _table: table,
        }
    }
}

fn joined(table: &Table, suffix: &str, separator: &str) -> String {
    let terms: Vec<_> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name) + suffix)
        .collect();
    terms.join(separator)
}
