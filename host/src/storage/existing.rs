//! A table that is there already: whether it can hold what the config says.
//!
//! Nothing of it is ever changed but that columns are added. What does not fit is an error
//! at start that says what to write or to run: later it would be an error of every message.

use anyhow::{Result, bail};

use crate::row::{Cell, Column, ColumnType, Form, Table};

/// A column as its database knows it.
#[derive(Debug, Clone)]
pub struct Existing {
    pub name: String,
    /// Its type, in the database's words.
    pub declared: String,
    pub nullable: bool,
    /// It has a value without being given one.
    pub filled: bool,
    /// No two rows have the same value.
    pub unique: bool,
    /// It is the whole of the primary key.
    pub primary_key: bool,
}

/// Why a column can't hold what the config says.
pub struct Unfit {
    /// The type that the config can give it instead, if there is one.
    pub config: Option<String>,
    /// The statement that changes the table instead.
    pub run: String,
}

/// Compares a table with the config. `fits` says what is wrong with a column's type.
/// Returns the columns that have to be added.
pub fn missing<'t>(
    table: &'t Table,
    found: &[Existing],
    fits: impl Fn(&Column, &Existing) -> Option<Unfit>,
) -> Result<Vec<&'t Column>> {
    let same =
        |column: &Column, existing: &Existing| existing.name.eq_ignore_ascii_case(&column.name);
    let mut missing = Vec::new();
    for column in &table.columns {
        match found.iter().find(|existing| same(column, existing)) {
            Some(existing) => {
                if let Some(unfit) = fits(column, existing) {
                    bail!(mismatch(table, column, existing, &unfit));
                }
                if column.primary_key && !existing.unique {
                    bail!(
                        "`{}` tells the rows of table `{}` apart, but it may have the same value \
                         twice; make it the primary key, or run: CREATE UNIQUE INDEX {2}_{3} ON \
                         {2} ({3})",
                        column.name,
                        table.name,
                        table.name.to_ascii_lowercase(),
                        column.name.to_ascii_lowercase()
                    );
                }
            }
            None if column.primary_key => bail!(no_key(table, column, found)),
            None if !column.nullable && column.default == Cell::Null => bail!(
                "column `{}` can't be added to the existing table `{}`: it is NOT NULL and has no \
                 default; give it one, or allow NULL",
                column.name,
                table.name
            ),
            None => missing.push(column),
        }
    }
    let unknown = |existing: &&Existing| !table.columns.iter().any(|column| same(column, existing));
    let needed = |existing: &&Existing| !existing.nullable && !existing.filled;
    if let Some(other) = found.iter().filter(unknown).find(needed) {
        bail!(
            "column `{0}` ({1}) of the existing table `{2}` must not be NULL and has no default, so \
             that no message could be stored: add columns.{0} to the endpoint, or give it a \
             default in the database",
            other.name,
            other.declared,
            table.name
        );
    }
    Ok(missing)
}

fn mismatch(table: &Table, column: &Column, existing: &Existing, unfit: &Unfit) -> String {
    let write = unfit.config.as_ref().map_or(String::new(), |fitting| {
        format!(
            "write columns.{} = \"{fitting}\" in the config, or ",
            column.name
        )
    });
    format!(
        "column `{}` of table `{}` is {} in the database and {} in the config: {write}run: {}",
        column.name,
        table.name,
        existing.declared,
        config_type(column),
        unfit.run
    )
}

fn no_key(table: &Table, column: &Column, found: &[Existing]) -> String {
    let own = found.iter().find(|existing| existing.primary_key);
    let own = own.or_else(|| found.iter().find(|existing| existing.unique));
    let remedy = own.map_or_else(
        || {
            "it has no primary key that could be named instead; give it one, or use another \
             `table`"
                .to_owned()
        },
        |own| {
            format!(
                "name its own key: columns.{} = {{ type = \"…\", primary_key = true }} (it is {})",
                own.name, own.declared
            )
        },
    );
    format!(
        "the existing table `{}` has no column `{}` to tell rows apart by: {remedy}",
        table.name, column.name
    )
}

/// A column's type in the words of the config.
pub fn config_type(column: &Column) -> String {
    match (column.form, column.kind) {
        (
            Form::Limited {
                letters,
                padded: true,
            },
            _,
        ) => format!("CHAR({letters})"),
        (Form::Limited { letters, .. }, _) => format!("VARCHAR({letters})"),
        (Form::Uuid, _) => "UUID".into(),
        (Form::Json { binary: true }, _) => "JSONB".into(),
        (Form::Json { .. }, _) | (_, ColumnType::Json) => "JSON".into(),
        (Form::Decimal(None), _) => "NUMERIC".into(),
        (Form::Decimal(Some((digits, behind))), _) => format!("NUMERIC({digits}, {behind})"),
        (Form::Timestamp { zone: true }, _) => "TIMESTAMPTZ".into(),
        (Form::Timestamp { .. }, _) => "TIMESTAMP".into(),
        (Form::Date, _) => "DATE".into(),
        // `timestamp` is text unless it is said.
        (Form::Plain, kind) if kind.is_text() => "TEXT".into(),
        (Form::Plain, ColumnType::Integer) => "INTEGER".into(),
        (Form::Plain, ColumnType::Real) => "DOUBLE".into(),
        (Form::Plain, _) => "BOOLEAN".into(),
    }
}
