//! The users' tables: made where missing, completed where there.

use anyhow::{Result, bail};

use super::Flavor;
use super::flavor::quoted;
use super::session::{Pool, Session};
use super::types::{declared, unfit};
use crate::row::{Cell, Column, ColumnType, Form, Function, Table};
use crate::storage::existing::{self, Existing};

/// Creates an endpoint's table, or adds the columns it lacks. Nothing is ever changed or
/// removed.
///
/// # Errors
/// A table that can't hold what the config says, and one with triggers, which could store
/// something else than what was judged.
pub async fn prepare(pool: &Pool, table: &Table) -> Result<()> {
    let mut session = pool.session().await?;
    let flavor = session.flavor();
    let name = quoted(&table.name);
    let found = found(&mut session, table).await?;
    if found.is_empty() {
        return create(&mut session, table).await;
    }
    let fits = |column: &Column, found: &Existing| unfit(flavor, table, column, found);
    for column in existing::missing(table, &found, fits)? {
        let alter = format!(
            "ALTER TABLE {name} ADD COLUMN {}",
            definition(flavor, column)?
        );
        session.raw(&alter).await?;
    }
    let triggers = match flavor {
        Flavor::Postgres => {
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(?)) \
             AND NOT tgisinternal"
        }
        Flavor::MySql => {
            "SELECT count(*) FROM information_schema.triggers WHERE event_object_schema = \
             DATABASE() AND event_object_table = ?"
        }
    };
    let triggers = session.fetch(triggers, vec![table.name.clone().into()]);
    let triggers = triggers.await?.into_iter().next();
    if triggers.unwrap_or_default().integer()? > 0 {
        bail!(
            "table `{}` has triggers: what they store would differ from what plugins and \
             subscribers were shown; drop them, or use another table",
            table.name
        );
    }
    Ok(())
}

async fn create(session: &mut Session, table: &Table) -> Result<()> {
    let flavor = session.flavor();
    let name = quoted(&table.name);
    let columns = table
        .columns
        .iter()
        .map(|column| definition(flavor, column));
    let columns = columns.collect::<Result<Vec<_>>>()?.join(", ");
    let engine = match flavor {
        Flavor::Postgres => "",
        Flavor::MySql => " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    };
    session
        .raw(&format!("CREATE TABLE {name} ({columns}){engine}"))
        .await?;
    // History is in this order.
    let order = [table.position("timestamp"), Some(table.key)];
    let order = order.into_iter().flatten().map(|at| &table.columns[at]);
    let order: Vec<_> = order.map(|column| quoted(&column.name)).collect();
    let index = quoted(&format!("{}_age", table.name));
    let sql = format!("CREATE INDEX {index} ON {name} ({})", order.join(", "));
    session.raw(&sql).await?;
    Ok(())
}

async fn found(session: &mut Session, table: &Table) -> Result<Vec<Existing>> {
    let sql = match session.flavor() {
        Flavor::Postgres => {
            "SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull, \
             atthasdef OR attidentity <> '', \
             EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisunique \
             AND indpred IS NULL AND indnkeyatts = 1 AND indkey[0] = attnum), \
             EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary \
             AND indnkeyatts = 1 AND indkey[0] = attnum) \
             FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(?)) AND attnum > 0 \
             AND NOT attisdropped ORDER BY attnum"
        }
        Flavor::MySql => {
            "SELECT c.column_name, c.column_type, c.is_nullable = 'YES', \
             c.column_default IS NOT NULL OR c.extra <> '', \
             EXISTS (SELECT 1 FROM information_schema.statistics AS s WHERE \
             s.table_schema = c.table_schema AND s.table_name = c.table_name AND \
             s.column_name = c.column_name AND s.non_unique = 0 AND s.seq_in_index = 1 AND \
             NOT EXISTS (SELECT 1 FROM information_schema.statistics AS o WHERE \
             o.table_schema = s.table_schema AND o.table_name = s.table_name AND \
             o.index_name = s.index_name AND o.seq_in_index = 2)), c.column_key = 'PRI' \
             FROM information_schema.columns AS c WHERE c.table_schema = DATABASE() \
             AND c.table_name = ? ORDER BY c.ordinal_position"
        }
    };
    let rows = session.fetch(sql, vec![table.name.clone().into()]).await?;
    let columns = rows.into_iter().map(|mut found| {
        let (name, declared) = (found.text()?, found.text()?);
        let (nullable, filled) = (found.flag()?, found.flag()?);
        let unique = found.flag()?;
        Ok(Existing {
            name,
            declared,
            nullable,
            filled,
            unique,
            primary_key: found.flag()? && unique,
        })
    });
    Ok(columns.collect::<sqlx::Result<_>>()?)
}

fn definition(flavor: Flavor, column: &Column) -> Result<String> {
    let mut text = format!("{} {}", quoted(&column.name), declared(flavor, column)?);
    if column.autoincrement {
        text.push_str(match flavor {
            Flavor::Postgres => " GENERATED BY DEFAULT AS IDENTITY",
            Flavor::MySql => " AUTO_INCREMENT",
        });
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    if column.primary_key {
        text.push_str(" PRIMARY KEY");
    }
    let default = match &column.default {
        Cell::Null => column.function.map(|made| function(flavor, column, made)),
        Cell::Integer(n) => Some(n.to_string()),
        Cell::Real(n) => Some(n.to_string()),
        Cell::Text(value) => Some(literal(flavor, value)),
        Cell::Boolean(flag) => Some(flag.to_string()),
    };
    if let Some(default) = default {
        text.push_str(&format!(" DEFAULT ({default})"));
    }
    Ok(text)
}

fn literal(flavor: Flavor, text: &str) -> String {
    let text = text.replace('\'', "''");
    match flavor {
        Flavor::Postgres => format!("'{text}'"),
        Flavor::MySql => format!("'{}'", text.replace('\\', "\\\\")),
    }
}

/// What fills rows that other programs insert.
fn function(flavor: Flavor, column: &Column, function: Function) -> String {
    let held =
        column.form != Form::Plain || column.kind != ColumnType::Text && !column.kind.is_time();
    let text = match (flavor, function, held) {
        (Flavor::Postgres, Function::Now, true) => "now() AT TIME ZONE 'UTC'",
        (Flavor::Postgres, Function::Now, false) => {
            "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')"
        }
        (Flavor::Postgres, Function::Uuid, true) => "gen_random_uuid()",
        (Flavor::Postgres, Function::Uuid, false) => "gen_random_uuid()::text",
        (Flavor::MySql, Function::Now, true) => "UTC_TIMESTAMP(6)",
        (Flavor::MySql, Function::Now, false) => {
            "LEFT(DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f'), 23)"
        }
        (Flavor::MySql, Function::Uuid, _) => "uuid()",
    };
    match column.form {
        // The time zone is in it.
        Form::Timestamp { zone: true } if flavor == Flavor::Postgres => "now()".into(),
        _ => text.into(),
    }
}
