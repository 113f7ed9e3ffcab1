//! An endpoint's `table` and `columns`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::column_default::{Default, read_default};
use super::reader::{Section, Wrong};
use super::value::Value;
use crate::filter::Database;
use crate::row::{Column, ColumnType, Form, ID, Table, Type};

/// Columns that every table has, unless another is its key. Messages can't do without
/// them, so that a configured one must hold what the server fills it with.
const BUILT_IN: [&str; 3] = [ID, "user", "timestamp"];

/// Longest name of a table or column: what every database that we may grow to accepts.
const NAME_LIMIT: usize = 63;

/// Reads the table of an endpoint, which bears the endpoint's name unless it is given
/// one.
pub(super) fn read_table(endpoint: &str, section: &mut Section<'_>, database: Database) -> Table {
    let name = section.optional("table", |value| {
        let name = value.text()?;
        check_table_name(&name).map(|()| name)
    });
    if !section.has("table")
        && let Err(wrong) = check_table_name(endpoint)
    {
        let what = format!(
            "`{}` can't name its table itself: it {}",
            section.key, wrong.what
        );
        let remedy = format!("set `table`; {}", wrong.remedy);
        section.reading.report(section.at, what, remedy);
    }
    let columns = read_columns(section.section("columns"), database);
    Table::new(name.unwrap_or_else(|| endpoint.to_owned()), columns)
}

fn read_columns(mut section: Section<'_>, database: Database) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    // By their names in small letters, which is how databases compare them.
    let mut seen: BTreeMap<String, String> = BUILT_IN
        .map(|name| (name.to_owned(), name.to_owned()))
        .into();
    for (name, value) in section.take_named() {
        let lower = name.to_ascii_lowercase();
        let taken = seen
            .insert(lower, name.clone())
            .filter(|other| *other != name);
        let checked = match taken {
            Some(other) => Err(Wrong::new(
                format!("is the same column as `{other}`: databases ignore case"),
                "rename one of them",
            )),
            None => check_column_name(&name),
        };
        if let Err(wrong) = checked {
            let what = format!("`{}` {}", value.key, wrong.what);
            section.reading.report(value.key_at, what, wrong.remedy);
        }
        let at = value.key_at;
        let Some(column) = read_column(name, value, database) else {
            continue;
        };
        if column.primary_key
            && let Some(other) = columns.iter().find(|other| other.primary_key)
        {
            let what = format!(
                "`{}.{}` is a primary key, and so is `{}`",
                section.key, column.name, other.name
            );
            let remedy = "name one: PUT and DELETE find a row by one column";
            section.reading.report(at, what, remedy);
            continue;
        }
        columns.push(column);
    }
    section.finish();
    columns
}

/// Reads `"TYPE"` or `{ type = "TYPE", … }`. None when it has no usable type.
fn read_column(name: String, value: Value<'_>, database: Database) -> Option<Column> {
    let is_id = name == ID;
    let read_type = |value: &Value<'_>| column_type(value, database);
    if !matches!(value.raw, DeValue::Table(_)) {
        let found = read_type(&value).and_then(|found| filled(&name, found, false));
        let found = found.map_err(|wrong| value.reading.report_value(&value, wrong));
        return Some(typed(name, found.ok()?));
    }

    let mut section = value.into_section();
    let autoincrement = section.read("autoincrement", false, Value::flag);
    let found = section.optional("type", |value| {
        read_type(value).and_then(|found| filled(&name, found, autoincrement))
    });
    if !section.has("type") {
        let what = format!("`{}` has no type", section.key);
        section
            .reading
            .report(section.at, what, "add type = \"TEXT\"");
    }
    let primary_key = section.read("primary_key", false, |value| match value.flag()? {
        true if BUILT_IN.contains(&name.as_str()) && !is_id => Err(Wrong::new(
            "is true, but the same user, and the same time, may have many rows",
            "leave it out",
        )),
        false if is_id => Err(Wrong::new(
            "is false, but `id` is the key where it is there",
            "leave it out, and name the column that is the key",
        )),
        primary_key => Ok(primary_key),
    });
    if autoincrement && !(primary_key || is_id) {
        let what = format!("`{}` is numbered by the server, but no key", section.key);
        let remedy = "add primary_key = true, or leave `autoincrement` out";
        let at = section.place_of("autoincrement");
        section.reading.report(at, what, remedy);
    }
    let is_key = is_id || primary_key;
    let nullable = section.read("nullable", !is_key, |value| match value.flag()? {
        true if is_key => Err(Wrong::new(
            "is true, but a row without a key can't be found again",
            "leave it out",
        )),
        nullable => Ok(nullable),
    });
    let default = section.read("default", Default::None, |value| {
        if is_key {
            return Err(Wrong::new(
                "would give every row the same key",
                "leave it out; the server makes keys",
            ));
        }
        read_default(value, found)
    });
    section.finish();
    let mut column = typed(name, found?);
    column.nullable = nullable;
    column.primary_key = is_key;
    column.autoincrement = autoincrement;
    match default {
        Default::None => {}
        Default::Cell(cell) => column.default = cell,
        Default::Function(function) => column.function = Some(function),
    }
    Some(column)
}

fn typed(name: String, found: Type) -> Column {
    let mut column = Column::new(&name, found.kind);
    column.form = found.form;
    column.nullable = name != ID;
    column.primary_key = name == ID;
    column
}

fn column_type(value: &Value<'_>, database: Database) -> Result<Type, Wrong> {
    let text = match value.raw {
        DeValue::String(_) => value.text()?,
        _ => {
            return Err(value.is_not(
                "a column type",
                "write \"TEXT\" or { type = \"TEXT\", nullable = false }",
            ));
        }
    };
    let forms = database != Database::Sqlite;
    Type::parse(&text, forms).ok_or_else(|| {
        Wrong::new(
            format!("is {text:?}, which is no column type"),
            format!(
                "use one of {}; columns of other types stay as they are where they are not \
                 named here",
                Type::NAMES.join(", ")
            ),
        )
    })
}

/// Checks that a column can hold what the server fills it with.
fn filled(name: &str, found: Type, autoincrement: bool) -> Result<Type, Wrong> {
    if autoincrement {
        return match found.kind {
            ColumnType::Integer => Ok(found),
            _ => Err(Wrong::new(
                "holds no whole numbers, but is to be numbered",
                "make it INTEGER, or leave `autoincrement` out",
            )),
        };
    }
    let fits = match (name, found.form) {
        (ID, _) => found.kind == ColumnType::Text,
        ("user", form) => found.kind == ColumnType::Text && form != Form::Uuid,
        ("timestamp", form) => {
            found.kind == ColumnType::Timestamp
                || found.kind == ColumnType::Text && form != Form::Uuid
        }
        _ => true,
    };
    if fits {
        return Ok(found);
    }
    Err(Wrong::new(
        "is a type that can't hold what the server fills this column with",
        match name {
            ID => "make it TEXT or UUID; or { type = \"INTEGER\", autoincrement = true }",
            "timestamp" => "make it TEXT or TIMESTAMP, or leave it out: every table has it",
            _ => "make it TEXT, or leave it out: every table has it",
        },
    ))
}

fn check_column_name(name: &str) -> Result<(), Wrong> {
    if name.starts_with('_') {
        return Err(Wrong::new(
            "begins with `_`, as only keys of the protocol do",
            "rename it",
        ));
    }
    check_identifier(name)
}

fn check_table_name(name: &str) -> Result<(), Wrong> {
    let lower = name.to_ascii_lowercase();
    for (prefix, owner) in [
        ("hookcast_", "the server's own"),
        ("sqlite_", "SQLite's own"),
        ("pg_", "PostgreSQL's own"),
    ] {
        if lower.starts_with(prefix) {
            return Err(Wrong::new(
                format!("is {name:?}; tables that begin with `{prefix}` are {owner}"),
                "choose another name",
            ));
        }
    }
    check_identifier(name)
}

fn check_identifier(name: &str) -> Result<(), Wrong> {
    let head = |c: char| c.is_ascii_alphabetic() || c == '_';
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.starts_with(head) && name.chars().all(tail) && name.len() <= NAME_LIMIT {
        return Ok(());
    }
    Err(Wrong::new(
        format!("has {name:?}, which can't name a table or column"),
        format!("use at most {NAME_LIMIT} letters, digits and `_`, the first no digit"),
    ))
}
