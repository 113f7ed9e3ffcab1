//! A filter as SQL that means the same on every database.
//!
//! What a database does by itself depends on collations, and SQLite even on what is stored
//! where. So nothing is left to it: text is compared byte by byte, only ASCII letters have
//! a case that can be ignored, `%` and `_` are letters like all others, '' is NULL, and
//! times are written out first as `crate::date` does it. The same in Rust: `super::predicate`.

use sea_query::{BinOper, Condition as All, Expr, ExprTrait as _, Func, Value};

use crate::date;
use crate::row::{Cell, Column, ColumnType, Form, Table};

use super::Filter;
use super::condition::{Test, Texts};

/// Whose SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
    /// And MariaDB.
    MySql,
}

impl Filter {
    /// What a WHERE clause asks of the table's rows.
    pub fn to_sql(&self, database: Database, table: &Table) -> All {
        let mut all = All::all();
        for condition in &self.0 {
            let column = column(database, table, condition.column);
            all = all.add(condition.test.to_sql(database, column, condition.kind));
        }
        all
    }
}

impl Test {
    /// What is asked of an expression that has this type.
    pub(super) fn to_sql(&self, database: Database, of: Expr, kind: ColumnType) -> Expr {
        let there = || not_empty(database, of.clone(), kind);
        let compared = || match kind {
            ColumnType::Date | ColumnType::Timestamp => written_out(database, there()),
            // So that an index can be used, where '' passes nothing anyway.
            _ => comparable(database, of.clone(), kind),
        };
        let compared_if_there = || match kind {
            ColumnType::Text => there(),
            _ => compared(),
        };
        let ordered = |asked: Expr| match database {
            // Other programs may have stored text, which SQLite takes to be more than any
            // number.
            Database::Sqlite if !kind.is_text() => {
                let stored = Func::cust("typeof").arg(of.clone());
                asked.and(stored.ne(constant("text")))
            }
            _ => asked,
        };
        match self {
            Self::Null => there().is_null(),
            Self::NotNull => there().is_not_null(),
            Self::In(cells) => compared().is_in(cells.iter().map(value)),
            Self::NotIn(cells) => compared_if_there().is_not_in(cells.iter().map(value)),
            Self::Above(cell) => ordered(compared().gt(value(cell))),
            Self::AtLeast(cell) => ordered(compared().gte(value(cell))),
            Self::Below(cell) => ordered(compared_if_there().lt(value(cell))),
            Self::AtMost(cell) => ordered(compared_if_there().lte(value(cell))),
            Self::Contains(texts) => texts.to_sql(database, of),
            Self::Lacks(texts) => {
                let found = texts.to_sql(database, of.clone());
                there().is_not_null().and(found.not())
            }
        }
    }
}

impl Texts {
    /// Whether any of them is in a text.
    fn to_sql(&self, database: Database, text: Expr) -> Expr {
        let text = bytewise(database, text);
        let found = self.any_of.iter().map(|part| {
            let within = match self.any_case {
                true => small_letters(database, text.clone(), part),
                false => text.clone(),
            };
            let (function, args) = match database {
                Database::Sqlite => ("instr", [within, part.clone().into()]),
                Database::Postgres => ("strpos", [within, part.clone().into()]),
                Database::MySql => ("LOCATE", [part.clone().into(), within]),
            };
            Func::cust(function).args(args).gt(Expr::Constant(0.into()))
        });
        let none = Expr::Constant(false.into());
        found.reduce(|a, b| a.or(b)).unwrap_or(none)
    }
}

/// A column of the table, as the server has its values.
pub(super) fn column(database: Database, table: &Table, at: usize) -> Expr {
    shown(database, &table.columns[at])
}

/// What a column holds, out of the form that its database has it in: numbers as floats,
/// times and UUIDs as text.
pub fn shown(database: Database, column: &Column) -> Expr {
    let held = Expr::col(column.name.clone());
    match (column.form, database) {
        (Form::Plain, _) | (_, Database::Sqlite) => held,
        (Form::Limited { padded, .. }, Database::Postgres) if padded => {
            Func::cast_as(held, "text").into()
        }
        (Form::Limited { .. }, _) => held,
        (Form::Uuid | Form::Json { .. }, Database::Postgres) => Func::cast_as(held, "text").into(),
        // A text with MariaDB, and a type with MySQL.
        (Form::Json { .. }, Database::MySql) => Func::cast_as(held, "CHAR").into(),
        (Form::Uuid, Database::MySql) => Func::cast_as(held, "CHAR(36)").into(),
        (Form::Decimal(_), _) => float(database, held),
        (Form::Date, Database::Postgres) => written(held, "to_char", "YYYY-MM-DD"),
        (Form::Date, Database::MySql) => written(held, "DATE_FORMAT", "%Y-%m-%d"),
        (Form::Timestamp { .. }, Database::Postgres) => {
            written(held, "to_char", "YYYY-MM-DD\"T\"HH24:MI:SS.US")
        }
        (Form::Timestamp { .. }, Database::MySql) => {
            written(held, "DATE_FORMAT", "%Y-%m-%dT%H:%i:%s.%f")
        }
    }
}

fn written(time: Expr, function: &'static str, format: &str) -> Expr {
    Func::cust(function).args([time, constant(format)]).into()
}

/// A number as a float.
pub(super) fn float(database: Database, number: Expr) -> Expr {
    let float = match database {
        Database::Sqlite => "REAL",
        Database::Postgres => "float8",
        Database::MySql => "DOUBLE",
    };
    Func::cast_as(number, float).into()
}

/// An expression as it compares, sorts and groups.
pub(super) fn comparable(database: Database, of: Expr, kind: ColumnType) -> Expr {
    match kind {
        ColumnType::Text | ColumnType::Json => bytewise(database, of),
        ColumnType::Date | ColumnType::Timestamp => written_out(database, bytewise(database, of)),
        _ => of,
    }
}

/// Text that compares byte by byte, whatever collation its column has.
pub(super) fn bytewise(database: Database, text: Expr) -> Expr {
    match database {
        Database::Sqlite => Expr::cust_with_expr("(?) COLLATE BINARY", text),
        Database::Postgres => Expr::cust_with_expr("($1) COLLATE \"C\"", text),
        // Its binary collations ignore blanks at the end; bytes do not.
        Database::MySql => Func::cast_as(self::text(database, text), "BINARY").into(),
    }
}

/// Bytes as text again.
pub(super) fn text(database: Database, bytes: Expr) -> Expr {
    match database {
        Database::MySql => Expr::cust_with_expr("CONVERT(? USING utf8mb4)", bytes),
        _ => bytes,
    }
}

/// NULL for '', else the text byte by byte; what is no text as it is.
pub(super) fn not_empty(database: Database, of: Expr, kind: ColumnType) -> Expr {
    if !kind.is_text() {
        return of;
    }
    let args = [bytewise(database, of), constant("")];
    let nullable = Func::cust("NULLIF").args(args).into();
    match database {
        // Its functions forget the collation.
        Database::Sqlite => bytewise(database, nullable),
        _ => nullable,
    }
}

/// Bytewise text as `date::written_out` has it.
fn written_out(database: Database, text: Expr) -> Expr {
    let replace = |text: Expr, from, to| -> Expr {
        Func::cust("REPLACE")
            .args([text, constant(from), constant(to)])
            .into()
    };
    let text = replace(replace(text, " ", "T"), "Z", "");
    let length = Func::cust("octet_length").arg(text.clone());
    let rest = length.add(Expr::Constant(1.into()));
    let rest: Expr = Func::cust("SUBSTR")
        .args([constant(date::FULL), rest])
        .into();
    match database {
        Database::MySql => Func::cust("CONCAT").args([text, rest]).into(),
        Database::Sqlite => text.binary(BinOper::Custom("||"), rest),
        Database::Postgres => {
            let full = text.binary(BinOper::Custom("||"), rest);
            bytewise(database, full)
        }
    }
}

/// Bytewise text with the ASCII letters made small, as far as `part` has them.
fn small_letters(database: Database, text: Expr, part: &str) -> Expr {
    match database {
        // Without ICU, which is not built in, and with the collation C: ASCII only.
        Database::Sqlite | Database::Postgres => Func::lower(text).into(),
        // LOWER leaves bytes alone.
        Database::MySql => {
            ('a'..='z')
                .filter(|letter| part.contains(*letter))
                .fold(text, |text, letter| {
                    let (large, small) = (letter.to_ascii_uppercase(), letter);
                    let args = [text, constant(large), constant(small)];
                    Func::cust("REPLACE").args(args).into()
                })
        }
    }
}

fn constant(text: impl Into<String>) -> Expr {
    Expr::Constant(text.into().into())
}

/// A filter's value, bound and not written into the SQL.
fn value(cell: &Cell) -> Expr {
    Expr::Value(match cell {
        Cell::Null => Value::String(None),
        Cell::Integer(n) => (*n).into(),
        Cell::Real(n) => (*n).into(),
        Cell::Text(text) => text.clone().into(),
        Cell::Boolean(b) => (*b).into(),
    })
}
