//! A view as a SELECT.

use sea_query::{Expr, Func, NullOrdering, Order, Query, SelectStatement};
use serde_json::{Map, Value};

use crate::row::{Cell, ColumnType, Table};

use super::aggregate::{Aggregate, Function};
use super::shaping::{Grouping, SortKey};
use super::sql::{self, Database};
use super::{Filter, View};

/// A statement and what its columns are. Limits and the order of rows that are in no
/// other are the storage's part.
pub struct Select {
    pub statement: SelectStatement,
    pub outputs: Vec<Output>,
}

/// A column of the result.
pub struct Output {
    /// The key that it is sent under.
    pub name: String,
    /// How its cells are to be read.
    pub kind: ColumnType,
    /// It adds up whole numbers, as floats: beyond 64 bits they would be errors.
    whole: bool,
}

impl Select {
    /// All columns of the rows that pass.
    pub fn rows(database: Database, table: &Table, filter: &Filter) -> Self {
        let mut select = Self::from(database, table, filter);
        (0..table.columns.len()).for_each(|at| select.column(database, table, at));
        select
    }

    /// What a view shows, in its order.
    pub fn view(database: Database, table: &Table, view: &View) -> Self {
        let mut select = Self::from(database, table, &view.filter);
        match &view.shaping.by {
            Some(grouping) => select.group(database, table, grouping),
            None => {
                let columns = view.projection.columns(table);
                columns
                    .into_iter()
                    .for_each(|at| select.column(database, table, at));
            }
        }
        for sort in &view.shaping.sort {
            let key = match sort.key {
                SortKey::Column(at) => sql::comparable(
                    database,
                    sql::column(database, table, at),
                    table.columns[at].kind,
                ),
                SortKey::Aggregate(aggregate) => aggregated(database, table, aggregate),
            };
            select.order(key, sort.descending);
        }
        if let Some(grouping) = &view.shaping.by {
            // An order of their own, for those that are equal so far.
            for at in &grouping.columns {
                let kind = table.columns[*at].kind;
                let key = sql::comparable(database, sql::column(database, table, *at), kind);
                select.order(key, false);
            }
        }
        select
    }

    fn from(database: Database, table: &Table, filter: &Filter) -> Self {
        let mut statement = Query::select();
        statement
            .from(table.name.clone())
            .cond_where(filter.to_sql(database, table));
        Self {
            statement,
            outputs: Vec::new(),
        }
    }

    fn column(&mut self, database: Database, table: &Table, at: usize) {
        let column = &table.columns[at];
        self.statement.expr(sql::column(database, table, at));
        self.outputs.push(Output {
            name: column.name.clone(),
            kind: column.kind,
            whole: false,
        });
    }

    fn group(&mut self, database: Database, table: &Table, grouping: &Grouping) {
        for at in &grouping.columns {
            let column = &table.columns[*at];
            let value = sql::column(database, table, *at);
            // Databases may take texts for equal that are not; one of the group is shown.
            let key = sql::comparable(database, value.clone(), column.kind);
            let shown = match column.kind.is_text() {
                true => least(database, value, Function::Least),
                false => value,
            };
            self.statement.expr(shown).add_group_by([key]);
            self.outputs.push(Output {
                name: column.name.clone(),
                kind: column.kind,
                whole: false,
            });
        }
        for aggregate in &grouping.aggregates {
            self.statement.expr(aggregated(database, table, *aggregate));
            let of = table.columns[aggregate.column].kind;
            self.outputs.push(Output {
                name: aggregate.name(table),
                kind: aggregate.kind(table),
                whole: aggregate.function == Function::Sum && of == ColumnType::Integer,
            });
        }
        for (aggregate, test) in &grouping.having {
            let of = aggregated(database, table, *aggregate);
            let asked = test.to_sql(database, of, aggregate.kind(table));
            self.statement.and_having(asked);
        }
    }

    fn order(&mut self, key: Expr, descending: bool) {
        // Left to themselves, databases differ in where they put NULL.
        let (order, nulls) = match descending {
            false => (Order::Asc, NullOrdering::First),
            true => (Order::Desc, NullOrdering::Last),
        };
        self.statement.order_by_expr_with_nulls(key, order, nulls);
    }

    /// A row of the result as JSON.
    pub fn to_json(&self, row: &[Cell]) -> Map<String, Value> {
        let cells = self.outputs.iter().zip(row);
        cells
            .map(|(output, cell)| (output.name.clone(), output.to_json(cell)))
            .collect()
    }
}

impl Output {
    fn to_json(&self, cell: &Cell) -> Value {
        // 2^53: from there on a float does not name one whole number.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match cell {
            Cell::Real(sum) if self.whole && sum.fract() == 0.0 && sum.abs() <= EXACT => {
                Value::from(*sum as i64)
            }
            cell => cell.shown(self.kind),
        }
    }
}

fn aggregated(database: Database, table: &Table, aggregate: Aggregate) -> Expr {
    let column = sql::column(database, table, aggregate.column);
    let kind = table.columns[aggregate.column].kind;
    let float = || sql::float(database, column.clone());
    match aggregate.function {
        Function::Count => Func::count(sql::not_empty(database, column, kind)).into(),
        Function::Sum => Func::sum(float()).into(),
        Function::Average => Func::avg(float()).into(),
        function if kind.is_text() => least(database, column, function),
        Function::Least => Func::min(column).into(),
        Function::Greatest => Func::max(column).into(),
    }
}

/// The least or greatest text, byte by byte, as text.
fn least(database: Database, text: Expr, function: Function) -> Expr {
    let text = sql::bytewise(database, text);
    let found = match function {
        Function::Greatest => Func::max(text),
        _ => Func::min(text),
    };
    sql::text(database, found.into())
}
