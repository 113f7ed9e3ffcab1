//! The users' rows: values as a server holds them, and statements that write them.

use std::collections::HashMap;
use std::sync::Arc;

use sea_query::{Expr, Func, Order, Query, SelectStatement, Value};

use super::Flavor;
use super::flavor::quoted;
use super::many;
use super::session::Session;
use crate::filter::shown;
use crate::row::{Cell, Column, ColumnType, Form, Row, RowWrite, Table};

/// Orders rows by age. Tables of servers have no order of their own: that of the time, and
/// then of the key.
pub fn oldest_first(statement: &mut SelectStatement, table: &Table, order: Order) {
    if table.position("timestamp").is_some() {
        statement.order_by("timestamp", order.clone());
    }
    statement.order_by(table.key().name.clone(), order);
}

/// The value of a cell; NULL has the type of its column.
pub fn value(column: &Column, cell: &Cell) -> Value {
    match (cell, column.kind) {
        (Cell::Null, ColumnType::Integer) => Value::BigInt(None),
        (Cell::Null, ColumnType::Boolean) => Value::Bool(None),
        // A decimal is exact as text.
        (Cell::Null, ColumnType::Real) if !matches!(column.form, Form::Decimal(_)) => {
            Value::Double(None)
        }
        (Cell::Null, _) => Value::String(None),
        (Cell::Real(n), _) if matches!(column.form, Form::Decimal(_)) => n.to_string().into(),
        (Cell::Integer(n), _) => (*n).into(),
        (Cell::Real(n), _) => (*n).into(),
        (Cell::Text(text), _) => text.clone().into(),
        (Cell::Boolean(flag), _) => (*flag).into(),
    }
}

/// The type that PostgreSQL does not find by itself.
fn cast(flavor: Flavor, column: &Column) -> Option<&'static str> {
    match (flavor, column.form) {
        (Flavor::MySql, _) | (_, Form::Plain | Form::Limited { .. }) => None,
        (_, Form::Uuid) => Some("uuid"),
        (_, Form::Json { binary: false }) => Some("json"),
        (_, Form::Json { binary: true }) => Some("jsonb"),
        (_, Form::Decimal(_)) => Some("numeric"),
        (_, Form::Date) => Some("date"),
        // Sessions are in UTC.
        (_, Form::Timestamp { .. }) => Some("timestamptz"),
    }
}

/// A cell as its column holds it.
pub fn held(flavor: Flavor, column: &Column, cell: &Cell) -> Expr {
    let value = Expr::Value(value(column, cell));
    match cast(flavor, column) {
        Some(name) => Func::cast_as(value, name).into(),
        None => value,
    }
}

/// The same as a mark.
fn mark(flavor: Flavor, column: &Column) -> String {
    match cast(flavor, column) {
        Some(name) => format!("CAST(? AS {name})"),
        None => "?".into(),
    }
}

/// The statements of tables, each made once.
#[derive(Default)]
pub struct Statements {
    /// By the table's address.
    tables: HashMap<usize, Arc<TableSql>>,
}

struct TableSql {
    /// So that its address stays its own.
    table: Arc<Table>,
    insert: String,
    marks: String,
    update: String,
    delete: String,
    /// Finds the row if it is unchanged: its key by the index, then all of it byte by byte.
    unchanged: String,
}

impl Statements {
    fn of(&mut self, flavor: Flavor, table: &Arc<Table>) -> Arc<TableSql> {
        let address = Arc::as_ptr(table) as usize;
        let known = self.tables.entry(address);
        let made = known.or_insert_with(|| Arc::new(TableSql::new(flavor, table.clone())));
        Arc::clone(made)
    }

    /// Writes changes in their order; neighbours of one kind and table together. False if
    /// one of the rows to be changed is not as it was judged.
    pub async fn write(
        &mut self,
        session: &mut Session,
        changes: &[(&Arc<Table>, &RowWrite)],
    ) -> sqlx::Result<bool> {
        let flavor = session.flavor();
        let kind = std::mem::discriminant::<RowWrite>;
        let alike = |a: &(&Arc<Table>, &RowWrite), b: &(&Arc<Table>, &RowWrite)| {
            Arc::ptr_eq(a.0, b.0) && kind(a.1) == kind(b.1)
        };
        for run in changes.chunk_by(alike) {
            let Some((table, _)) = run.first() else {
                continue;
            };
            let sql = self.of(flavor, table);
            if !sql.write(session, run).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl TableSql {
    fn new(flavor: Flavor, table: Arc<Table>) -> Self {
        let name = quoted(&table.name);
        let columns = &table.columns;
        let joined = |each: &dyn Fn(&Column) -> String, separator: &str| {
            columns.iter().map(each).collect::<Vec<_>>().join(separator)
        };
        let key = table.key();
        let found = format!("{} = {}", quoted(&key.name), mark(flavor, key));
        let same = joined(&|column| unchanged(flavor, column), " AND ");
        let unchanged = format!("{found} AND {same}");
        let assigned =
            |column: &Column| format!("{} = {}", quoted(&column.name), mark(flavor, column));
        Self {
            insert: format!(
                "INSERT INTO {name} ({}) VALUES ",
                joined(&|column| quoted(&column.name), ", ")
            ),
            marks: format!("({})", joined(&|column| mark(flavor, column), ", ")),
            update: format!("UPDATE {name} SET {} WHERE ", joined(&assigned, ", ")),
            delete: format!("DELETE FROM {name} WHERE "),
            unchanged,
            table,
        }
    }

    async fn write(
        &self,
        session: &mut Session,
        run: &[(&Arc<Table>, &RowWrite)],
    ) -> sqlx::Result<bool> {
        let mut inserted = Vec::new();
        let mut deleted = Vec::new();
        for (_, change) in run {
            match change {
                RowWrite::Insert { row } => inserted.push(self.values(row)),
                RowWrite::Delete { old } => deleted.push(old),
                RowWrite::Update { old, row } => {
                    let mut values = self.values(row);
                    values.extend(self.identity(old));
                    let sql = format!("{}{}", self.update, self.unchanged);
                    if session.execute(&sql, values).await? != 1 {
                        return Ok(false);
                    }
                }
            }
        }
        many::insert(session, &self.insert, &self.marks, "", inserted).await?;
        // Few at a time: each is compared whole.
        for lot in deleted.chunks(16) {
            let mut lot = lot;
            while !lot.is_empty() {
                let (now, later) = lot.split_at(many::largest_power(lot.len()));
                let found = vec![format!("({})", self.unchanged); now.len()].join(" OR ");
                let values = now.iter().flat_map(|old| self.identity(old)).collect();
                let sql = format!("{}{found}", self.delete);
                if session.execute(&sql, values).await? != now.len() as u64 {
                    return Ok(false);
                }
                lot = later;
            }
        }
        Ok(true)
    }

    fn values(&self, row: &Row) -> Vec<Value> {
        let cells = self.table.columns.iter().zip(&row.0);
        cells.map(|(column, cell)| value(column, cell)).collect()
    }

    /// The values of `unchanged`.
    fn identity(&self, old: &Row) -> Vec<Value> {
        let key = old.0.get(self.table.key).unwrap_or(&Cell::Null);
        let mut values = vec![value(self.table.key(), key)];
        let cells = self.table.columns.iter().zip(&old.0);
        values.extend(cells.map(|(column, cell)| seen(column, cell)));
        values
    }
}

/// A cell as it was read, out of its form.
fn seen(column: &Column, cell: &Cell) -> Value {
    match (column.form, cell) {
        (Form::Decimal(_), Cell::Null) => Value::Double(None),
        (Form::Decimal(_), Cell::Real(n)) => (*n).into(),
        _ => value(column, cell),
    }
}

/// That a column holds what was read of it, byte by byte, whatever its collation says.
fn unchanged(flavor: Flavor, column: &Column) -> String {
    let mut select = Query::select();
    select.expr(shown(flavor.database(), column));
    let sql = flavor.text(&select);
    let shown = sql.strip_prefix("SELECT ").unwrap_or(&sql);
    let same = flavor.same();
    let text = column.kind.is_text() || column.kind == ColumnType::Json;
    match (flavor, text) {
        (_, false) => format!("({shown}) {same} ?"),
        (Flavor::Postgres, true) => format!("({shown}) COLLATE \"C\" {same} ?"),
        (Flavor::MySql, true) => {
            format!("CAST(CONVERT({shown} USING utf8mb4) AS BINARY) {same} CAST(? AS BINARY)")
        }
    }
}
