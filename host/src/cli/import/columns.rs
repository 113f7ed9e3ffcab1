//! `columns: {NAME: SQLTYPE}` or `{NAME: {type, default, nullable, …}}`.

use toml::{Table, Value};

use super::endpoint::Endpoint;
use super::toml::key;
use super::yaml::{self, Entry, Node};
use crate::row::ColumnType;

/// What every table has, as text, in Gramex and here.
const BUILT_IN: [&str; 3] = ["id", "user", "timestamp"];

pub fn read(columns: &Entry, endpoint: &mut Endpoint) {
    for column in columns.node.entries() {
        let name = format!("columns.{}", key(&column.key));
        match column_of(column, endpoint) {
            Some(value) => endpoint.toml.value(&name, &value),
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
        if ColumnType::parse(&declared) != Some(ColumnType::Text) {
            let what = format!("{what} of type {declared}: the server fills it with text");
            endpoint.notes.no_equivalent(column.line, what);
        }
        return None;
    }
    if ColumnType::parse(&declared).is_none() {
        let known = ColumnType::NAMES.join(", ");
        let what = format!("{what} of type {declared}; the types are {known}");
        endpoint.notes.no_equivalent(column.line, what);
        return None;
    }
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
            "default" => match constant(&detail.node) {
                Some(value) => {
                    table.insert("default".to_owned(), value);
                }
                None => {
                    let what = format!(
                        "{what} has a default that the database computes; fill it with \
                         `message_default` (`now` is the time)"
                    );
                    endpoint.notes.no_equivalent(detail.line, what);
                }
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

fn constant(node: &Node) -> Option<Value> {
    Some(match &node.value {
        yaml::Value::Bool(flag) => (*flag).into(),
        yaml::Value::Int(number) => (*number).into(),
        yaml::Value::Float(number) => (*number).into(),
        yaml::Value::Text(text) => super::toml::verbatim(text).into(),
        _ => return None,
    })
}
