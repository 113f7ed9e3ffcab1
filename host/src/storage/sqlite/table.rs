//! The users' tables: made where missing, completed where there.

use anyhow::{Result, bail};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::sql::{declared_type, quoted};
use crate::row::{Cell, Column, ColumnType, Form, Function, Table};
use crate::storage::existing::{self, Existing, Unfit};

/// Creates an endpoint's table, or adds the columns it lacks. Nothing is ever changed or
/// removed.
///
/// # Errors
/// A table that can't hold what the config says, and one with triggers, which could store
/// something else than what was judged.
pub async fn prepare(connection: &mut SqliteConnection, table: &Table) -> Result<()> {
    let found = found(connection, table).await?;
    if found.is_empty() {
        let columns: Vec<_> = table.columns.iter().map(created).collect();
        let create = format!(
            "CREATE TABLE {} ({})",
            quoted(&table.name),
            columns.join(", ")
        );
        sqlx::query(AssertSqlSafe(create))
            .execute(&mut *connection)
            .await?;
        return Ok(());
    }
    for column in existing::missing(table, &found, |column, found| unfit(table, column, found))? {
        let table = quoted(&table.name);
        let alter = format!("ALTER TABLE {table} ADD COLUMN {}", definition(column));
        sqlx::query(AssertSqlSafe(alter))
            .execute(&mut *connection)
            .await?;
    }
    let triggers: i64 =
        sqlx::query("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
            .bind(&table.name)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
    if triggers > 0 {
        bail!(
            "table `{}` has triggers: what they store would differ from what plugins and \
             subscribers were shown; drop them, or use another table",
            table.name
        );
    }
    Ok(())
}

async fn found(connection: &mut SqliteConnection, table: &Table) -> Result<Vec<Existing>> {
    let columns = sqlx::query(
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, \
         (SELECT count(*) FROM pragma_table_info(?1) WHERE pk > 0), \
         EXISTS (SELECT 1 FROM pragma_index_list(?1) AS list WHERE \"unique\" AND NOT partial \
         AND (SELECT group_concat(info.name, '') FROM pragma_index_info(list.name) AS info) \
         = columns.name) FROM pragma_table_info(?1) AS columns",
    )
    .bind(&table.name)
    .fetch_all(&mut *connection)
    .await?;
    let columns = columns.iter().map(|row| {
        let declared: String = row.try_get(1)?;
        let (in_key, keys): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
        let primary_key = in_key > 0 && keys == 1;
        let unique: bool = row.try_get(6)?;
        Ok(Existing {
            name: row.try_get(0)?,
            nullable: row.try_get::<i64, _>(2)? == 0 && in_key == 0,
            // A key of this type is the row's number.
            filled: row.try_get(3)? || (primary_key && declared.eq_ignore_ascii_case("INTEGER")),
            unique: unique || primary_key,
            primary_key,
            declared: if declared.is_empty() {
                "of no type".into()
            } else {
                declared
            },
        })
    });
    Ok(columns.collect::<sqlx::Result<_>>()?)
}

/// What SQLite makes of values, from the type that a column was declared with.
#[derive(Clone, Copy, PartialEq)]
enum Affinity {
    Integer,
    Text,
    None,
    Real,
    Numeric,
}

/// SQLite's own rules, in their order.
fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        Affinity::Integer
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        Affinity::Text
    } else if has(&["BLOB"]) || declared == "OF NO TYPE" {
        Affinity::None
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

fn unfit(table: &Table, column: &Column, found: &Existing) -> Option<Unfit> {
    let affinity = affinity(&found.declared);
    let fits = match (column.kind, column.form) {
        // Objects and lists are no numbers; a number may become one, and stays it.
        (ColumnType::Json, _) => matches!(affinity, Affinity::Text | Affinity::None),
        (kind, form) if kind.is_text() => match affinity {
            Affinity::Text | Affinity::None => true,
            // No time and no UUID is a number, or almost none.
            Affinity::Numeric => kind.is_time() || form == Form::Uuid,
            Affinity::Integer | Affinity::Real => false,
        },
        (ColumnType::Integer | ColumnType::Boolean, _) => {
            matches!(
                affinity,
                Affinity::Integer | Affinity::Numeric | Affinity::None
            )
        }
        _ => matches!(
            affinity,
            Affinity::Real | Affinity::Numeric | Affinity::None
        ),
    };
    let config = match affinity {
        Affinity::Integer => "INTEGER",
        Affinity::Real | Affinity::Numeric => "DOUBLE",
        Affinity::Text | Affinity::None => "TEXT",
    };
    let (table, name) = (quoted(&table.name), quoted(&column.name));
    let old = quoted(&format!("{}_old", column.name));
    (!fits).then(|| Unfit {
        config: Some(config.to_owned()),
        // SQLite can't change a column's type; a missing column is added at start.
        run: format!("ALTER TABLE {table} RENAME COLUMN {name} TO {old}"),
    })
}

/// A column of a new table: its default may be a function.
fn created(column: &Column) -> String {
    let text = definition(column);
    match column.function {
        Some(Function::Now) => text + " DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now'))",
        // SQLite makes none; rows that others insert have to bring theirs.
        Some(Function::Uuid) | None => text,
    }
}

fn definition(column: &Column) -> String {
    let mut text = format!("{} {}", quoted(&column.name), declared_type(column.kind));
    if column.primary_key {
        text.push_str(" PRIMARY KEY");
    }
    if column.autoincrement {
        text.push_str(" AUTOINCREMENT");
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    match &column.default {
        Cell::Null => {}
        Cell::Integer(n) => text.push_str(&format!(" DEFAULT {n}")),
        Cell::Real(n) => text.push_str(&format!(" DEFAULT {n:?}")),
        Cell::Text(value) => text.push_str(&format!(" DEFAULT '{}'", value.replace('\'', "''"))),
        Cell::Boolean(b) => text.push_str(&format!(" DEFAULT {}", i64::from(*b))),
    }
    text
}
