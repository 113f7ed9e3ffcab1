//! `columns: {NAME: SQLTYPE}` or `{NAME: {type, default, nullable, …}}`.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::endpoint::Endpoint;
use super::toml::{key, verbatim};
use super::yaml::{self, Entry};
use crate::row::{Cell, ColumnType, Type};

/// What every table has, as text, in Gramex and here.
const BUILT_IN: [&str; 3] = ["id", "user", "timestamp"];

pub fn read(columns: &Entry, endpoint: &mut Endpoint) {
    for column in columns.node.entries() {
        let name = format!("columns.{}", key(&column.key));
        match column_of(column, endpoint) {
            Some(value) => {
                endpoint.toml.value(&name, &value);
                endpoint.columns.push(column.key.clone());
            }
            None if BUILT_IN.contains(&column.key.as_str()) => {}
            None => endpoint.toml.comment(&format!("{name}: see the report")),
        }
    }
}

/// The column as the config has it; none where it has none, which is noted.
fn column_of(column: &Entry, endpoint: &mut Endpoint) -> Option<Value> {
    let declared = match &column.node.value {
        yaml::Value::Map(_) => column.node.get("type")?.node.text()?,
        _ => column.node.text()?,
    };
    let what = format!("column `{}`", column.key);
    if BUILT_IN.contains(&column.key.as_str()) {
        if kind_of(&declared) != Some(ColumnType::Text) {
            let what = format!("{what} of type {declared}: the server fills it with text");
            endpoint.notes.no_equivalent(column.line, what);
        }
        return None;
    }
    if !is_identifier(&column.key) {
        let what = format!("{what}: its name has more than letters, digits and `_`");
        endpoint.notes.no_equivalent(column.line, what);
        return None;
    }
    let Some(kind) = kind_of(&declared) else {
        let known = Type::NAMES.join(", ");
        let what = format!("{what} of type {declared}; the types are {known}");
        endpoint.notes.no_equivalent(column.line, what);
        return None;
    };
    let mut table = Table::new();
    table.insert("type".to_owned(), declared.clone().into());
    for detail in column.node.entries() {
        match detail.key.as_str() {
            "type" => {}
            "nullable" => {
                if detail.node.flag() == Some(false) {
                    table.insert("nullable".to_owned(), false.into());
                }
            }
            "default" => match &detail.node.value {
                yaml::Value::Map(_) => {
                    let what = format!(
                        "{what} has a default that the database computes; fill it with \
                         `message_default` (`now` is the time)"
                    );
                    endpoint.notes.no_equivalent(detail.line, what);
                }
                value => match default(value, kind) {
                    Some(value) => {
                        table.insert("default".to_owned(), value);
                    }
                    None => {
                        let what = format!("{what} has a default that is no value of its type");
                        endpoint.notes.no_equivalent(detail.line, what);
                    }
                },
            },
            other => {
                let what = format!("{what} has `{other}`; a table that has it keeps it");
                endpoint.notes.no_equivalent(detail.line, what);
            }
        }
    }
    if table.len() == 1 {
        return Some(declared.into());
    }
    Some(table.into())
}

/// What a column of this SQL type holds.
fn kind_of(declared: &str) -> Option<ColumnType> {
    Type::parse(declared, false).map(|found| found.kind)
}

/// A default as the config has it; none where the column can't hold it.
fn default(value: &yaml::Value, kind: ColumnType) -> Option<Value> {
    let (value, json) = match value {
        yaml::Value::Bool(flag) => (Value::from(*flag), Json::from(*flag)),
        yaml::Value::Int(number) => (Value::from(*number), Json::from(*number)),
        yaml::Value::Float(number) => (Value::from(*number), Json::from(*number)),
        yaml::Value::Text(text) => (verbatim(text).into(), Json::from(text.as_str())),
        _ => return None,
    };
    (json != "").then_some(())?;
    Cell::from_json(&json, kind).map(|_| value)
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Adds a text column that the YAML does not have, once.
pub fn add(name: &str, endpoint: &mut Endpoint) -> bool {
    let known = BUILT_IN.contains(&name) || endpoint.columns.iter().any(|column| column == name);
    if known || !is_identifier(name) {
        return false;
    }
    endpoint
        .toml
        .text(&format!("columns.{}", key(name)), "TEXT");
    endpoint.columns.push(name.to_owned());
    true
}
