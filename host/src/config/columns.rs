//! An endpoint's `table` and `columns`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::reader::{Section, Wrong};
use super::value::Value;
use crate::row::{Cell, Column, ColumnType, Table};

/// Columns that every table has. Messages can't do without them, so that a configured
/// one must hold text.
const BUILT_IN: [&str; 3] = ["id", "user", "timestamp"];

/// Longest name of a table or column: what every database that we may grow to accepts.
const NAME_LIMIT: usize = 63;

/// Reads the table of an endpoint, which bears the endpoint's name unless it is given
/// one.
pub(super) fn read_table(endpoint: &str, section: &mut Section<'_>) -> Table {
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
    let columns = read_columns(section.section("columns"));
    Table::new(name.unwrap_or_else(|| endpoint.to_owned()), columns)
}

fn read_columns(mut section: Section<'_>) -> Vec<Column> {
    let mut columns = Vec::new();
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
        columns.extend(read_column(name, value));
    }
    section.finish();
    columns
}

/// Reads `"TYPE"` or `{ type = "TYPE", nullable = …, default = … }`. None when it has no
/// usable type.
fn read_column(name: String, value: Value<'_>) -> Option<Column> {
    let built_in = BUILT_IN.contains(&name.as_str());
    let is_id = name == "id";
    let read_type = |value: &Value<'_>| column_type(value, built_in);
    if !matches!(value.raw, DeValue::Table(_)) {
        let kind = read_type(&value);
        let kind = kind.map_err(|wrong| value.reading.report_value(&value, wrong));
        return Some(Column {
            name,
            kind: kind.ok()?,
            nullable: !is_id,
            default: Cell::Null,
        });
    }

    let mut section = value.into_section();
    let kind = section.optional("type", read_type);
    if !section.has("type") {
        let what = format!("`{}` has no type", section.key);
        section
            .reading
            .report(section.at, what, "add type = \"TEXT\"");
    }
    let nullable = section.read("nullable", !is_id, |value| match value.flag()? {
        true if is_id => Err(Wrong::new(
            "is true, but a row without an id can't be found again",
            "leave it out",
        )),
        nullable => Ok(nullable),
    });
    let default = section.read("default", Cell::Null, |value| {
        if is_id {
            return Err(Wrong::new(
                "would give every row the same id",
                "leave it out; the server makes ids",
            ));
        }
        // With an unknown type nothing can be said about its default.
        kind.map_or(Ok(Cell::Null), |kind| default_cell(value, kind))
    });
    section.finish();
    Some(Column {
        name,
        kind: kind?,
        nullable,
        default,
    })
}

fn column_type(value: &Value<'_>, built_in: bool) -> Result<ColumnType, Wrong> {
    let text = match value.raw {
        DeValue::String(_) => value.text()?,
        _ => {
            return Err(value.is_not(
                "a column type",
                "write \"TEXT\" or { type = \"TEXT\", nullable = false }",
            ));
        }
    };
    let kind = ColumnType::parse(&text).ok_or_else(|| {
        Wrong::new(
            format!("is {text:?}, which is no column type"),
            format!("use one of {}", ColumnType::NAMES.join(", ")),
        )
    })?;
    if built_in && !kind.is_text() {
        return Err(Wrong::new(
            format!("is {text:?}, but the server fills this column with text"),
            "make it TEXT, or leave it out: every table has it",
        ));
    }
    Ok(kind)
}

fn default_cell(value: &Value<'_>, kind: ColumnType) -> Result<Cell, Wrong> {
    let json = match value.raw {
        DeValue::String(_) => serde_json::Value::from(value.text()?),
        DeValue::Boolean(flag) => serde_json::Value::from(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(serde_json::Value::from)
            .map_err(|_| {
                Wrong::new(
                    format!("is {number}, beyond 64 bits"),
                    "write a smaller number",
                )
            })?,
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(serde_json::Value::from)
            .ok_or_else(|| Wrong::new(format!("is {number}, no number"), "write a number"))?,
        _ => return Err(value.is_not("a value of a column", "write a text or a number")),
    };
    if json == "" {
        return Err(Wrong::new(
            "is empty, which is stored as NULL",
            "leave it out, or give a value",
        ));
    }
    Cell::from_json(&json, kind).ok_or_else(|| {
        Wrong::new(
            format!("is {json}, which does not fit its column"),
            format!("the column holds {}", kind.describe()),
        )
    })
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
