//! The servers' types: which one a column of the config gets, and which one of an existing
//! table can hold it.

use anyhow::{Result, bail};

use super::Flavor;
use super::flavor::quoted;
use crate::row::{Column, ColumnType, Form, Table};
use crate::storage::existing::{Existing, Unfit};

/// The type of a column in a new table.
///
/// # Errors
/// A type that the server can't have without digits.
pub fn declared(flavor: Flavor, column: &Column) -> Result<String> {
    let postgres = flavor == Flavor::Postgres;
    let either = |one: &str, other: &str| if postgres { one } else { other }.to_owned();
    Ok(match (column.form, column.kind) {
        (Form::Limited { letters, .. }, _) => format!("VARCHAR({letters})"),
        (Form::Uuid, _) => either("UUID", "CHAR(36)"),
        (Form::Json { binary: true }, _) => either("JSONB", "JSON"),
        (Form::Json { .. }, _) => "JSON".into(),
        (Form::Decimal(Some((digits, behind))), _) => either(
            &format!("NUMERIC({digits}, {behind})"),
            &format!("DECIMAL({digits}, {behind})"),
        ),
        (Form::Decimal(None), _) if postgres => "NUMERIC".into(),
        (Form::Decimal(None), _) => bail!(
            "column `{0}` is NUMERIC, which MySQL takes for whole numbers: say how many digits, \
             such as columns.{0} = \"NUMERIC(10, 2)\", or write \"DOUBLE\"",
            column.name
        ),
        (Form::Date, _) => "DATE".into(),
        (Form::Timestamp { zone: true }, _) => either("TIMESTAMPTZ(6)", "DATETIME(6)"),
        (Form::Timestamp { .. }, _) => either("TIMESTAMP(6)", "DATETIME(6)"),
        (Form::Plain, ColumnType::Integer) => "BIGINT".into(),
        (Form::Plain, ColumnType::Real) => either("DOUBLE PRECISION", "DOUBLE"),
        (Form::Plain, ColumnType::Boolean) => "BOOLEAN".into(),
        // What is sorted by or found must have an index, which MySQL has for short texts.
        (Form::Plain, _) if column.primary_key || column.name == "timestamp" => {
            either("TEXT COLLATE \"C\"", "VARCHAR(255)")
        }
        (Form::Plain, _) => either("TEXT", "LONGTEXT"),
    })
}

/// What is wrong with an existing column's type.
pub fn unfit(flavor: Flavor, table: &Table, column: &Column, found: &Existing) -> Option<Unfit> {
    let found = found.declared.to_ascii_lowercase();
    let base = found.split('(').next().unwrap_or("").trim();
    let fits = match flavor {
        Flavor::Postgres => fits_postgres(column, &found, base),
        Flavor::MySql => fits_mysql(column, &found, base),
    };
    if fits {
        return None;
    }
    let (table, name) = (quoted(&table.name), quoted(&column.name));
    let wanted = declared(flavor, column).unwrap_or_else(|_| "DOUBLE".into());
    let wanted = wanted.split(" COLLATE").next().unwrap_or("TEXT").to_owned();
    Some(Unfit {
        config: config_type(&found, base),
        run: match flavor {
            Flavor::Postgres => format!(
                "ALTER TABLE {table} ALTER COLUMN {name} TYPE {wanted} USING {name}::{wanted}"
            ),
            Flavor::MySql => format!(
                "ALTER TABLE {0} MODIFY {1} {wanted}",
                table.replace('"', "`"),
                name.replace('"', "`")
            ),
        },
    })
}

/// `found` as `format_type` writes it.
fn fits_postgres(column: &Column, found: &str, base: &str) -> bool {
    match (column.form, column.kind) {
        (Form::Limited { padded: true, .. }, _) => {
            base == "character" || base == "character varying"
        }
        (Form::Uuid, _) => base == "uuid",
        (Form::Json { .. }, _) => matches!(base, "json" | "jsonb"),
        (Form::Decimal(digits), _) => base == "numeric" && digits == digits_of(found),
        (Form::Date, _) => base == "date",
        (Form::Timestamp { .. }, _) => matches!(
            found,
            "timestamp without time zone"
                | "timestamp with time zone"
                | "timestamp(6) without time zone"
                | "timestamp(6) with time zone"
        ),
        (_, ColumnType::Integer) => matches!(base, "smallint" | "integer" | "bigint"),
        (_, ColumnType::Real) => base == "double precision",
        (_, ColumnType::Boolean) => base == "boolean",
        _ => matches!(base, "text" | "character varying" | "name"),
    }
}

/// `found` as `COLUMN_TYPE` has it.
fn fits_mysql(column: &Column, found: &str, base: &str) -> bool {
    let text = matches!(
        base,
        "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"
    );
    match (column.form, column.kind) {
        (Form::Limited { padded: true, .. }, _) => text || base == "char",
        // MariaDB's is a text.
        (Form::Json { .. }, _) => matches!(base, "json" | "longtext"),
        (Form::Uuid, _) => base == "uuid" || matches!(found, "char(36)" | "varchar(36)"),
        (Form::Decimal(digits), _) => base == "decimal" && digits == digits_of(found),
        (Form::Date, _) => base == "date",
        (Form::Timestamp { .. }, _) => matches!(found, "datetime(6)" | "timestamp(6)"),
        (_, ColumnType::Integer) => matches!(
            base,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint"
        ),
        (_, ColumnType::Real) => base == "double",
        (_, ColumnType::Boolean) => base == "tinyint",
        _ => text,
    }
}

/// The digits of `numeric(10,2)`.
fn digits_of(found: &str) -> Option<(u32, u32)> {
    let (_, digits) = found.split_once('(')?;
    let digits = digits.split(')').next()?;
    let (all, behind) = digits.split_once(',').unwrap_or((digits, "0"));
    Some((all.trim().parse().ok()?, behind.trim().parse().ok()?))
}

/// What the config says for a column of this type; none for what Hookcast can't hold.
fn config_type(found: &str, base: &str) -> Option<String> {
    Some(match base {
        "text" | "character varying" | "varchar" | "tinytext" | "mediumtext" | "longtext"
        | "name" => "TEXT".into(),
        "character" | "char" => found.replace("character", "char").to_ascii_uppercase(),
        "smallint" | "integer" | "bigint" | "tinyint" | "mediumint" | "int" => "INTEGER".into(),
        "double precision" | "double" => "DOUBLE".into(),
        "numeric" | "decimal" => match digits_of(found) {
            Some((digits, behind)) => format!("NUMERIC({digits}, {behind})"),
            None => "NUMERIC".into(),
        },
        "boolean" => "BOOLEAN".into(),
        "uuid" => "UUID".into(),
        "json" => "JSON".into(),
        "jsonb" => "JSONB".into(),
        "date" => "DATE".into(),
        _ if found == "timestamp with time zone" => "TIMESTAMPTZ".into(),
        _ if matches!(
            found,
            "timestamp without time zone" | "datetime(6)" | "timestamp(6)"
        ) =>
        {
            "TIMESTAMP".into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Type;

    fn judged(flavor: Flavor, config: &str, found: &str) -> Option<Unfit> {
        let given = Type::parse(config, true).expect("a type");
        let mut column = Column::new("c", given.kind);
        column.form = given.form;
        let found = Existing {
            name: "c".into(),
            declared: found.into(),
            nullable: true,
            filled: false,
            unique: false,
            primary_key: false,
        };
        let table = Table::new("t".into(), vec![column.clone()]);
        unfit(flavor, &table, &column, &found)
    }

    #[test]
    fn types_that_keep_what_they_are_given_fit() {
        for (flavor, config, found) in [
            (Flavor::Postgres, "TEXT", "character varying(20)"),
            (Flavor::Postgres, "INTEGER", "smallint"),
            (Flavor::Postgres, "NUMERIC(10, 2)", "numeric(10,2)"),
            (Flavor::Postgres, "NUMERIC", "numeric"),
            (Flavor::Postgres, "TIMESTAMP", "timestamp with time zone"),
            (Flavor::Postgres, "UUID", "uuid"),
            (Flavor::Postgres, "CHAR(3)", "character(3)"),
            (Flavor::MySql, "BOOLEAN", "tinyint(1)"),
            (Flavor::MySql, "INTEGER", "int(11) unsigned"),
            (Flavor::MySql, "TIMESTAMP", "datetime(6)"),
            (Flavor::MySql, "UUID", "char(36)"),
        ] {
            assert!(judged(flavor, config, found).is_none(), "{config} {found}");
        }
    }

    #[test]
    fn others_are_refused_with_what_to_write_and_to_run() {
        let unfit = |flavor, config, found| {
            let unfit = judged(flavor, config, found).expect("it does not fit");
            (unfit.config, unfit.run)
        };
        let alter = "ALTER TABLE \"t\" ALTER COLUMN \"c\" TYPE TEXT USING \"c\"::TEXT";
        let jsonb = unfit(Flavor::Postgres, "TEXT", "jsonb");
        assert_eq!(jsonb, (Some("JSONB".into()), alter.to_owned()));
        let bytes = unfit(Flavor::Postgres, "TEXT", "bytea");
        assert_eq!(bytes, (None, alter.to_owned()));
        let (write, _) = unfit(Flavor::Postgres, "NUMERIC(10, 2)", "numeric(8,1)");
        assert_eq!(write.as_deref(), Some("NUMERIC(8, 1)"));
        // It would round.
        assert!(judged(Flavor::Postgres, "DOUBLE", "real").is_some());
        let (write, run) = unfit(Flavor::MySql, "TIMESTAMP", "datetime");
        assert_eq!(write, None);
        assert_eq!(run, "ALTER TABLE `t` MODIFY `c` DATETIME(6)");
    }
}
