//! `default` of a column: a value, or a function that makes one for each row.

use toml::de::DeValue;

use super::reader::Wrong;
use super::value::Value;
use crate::row::{Cell, ColumnType, Form, Function, Type};

/// What fills a column that a message lacks.
pub(super) enum Default {
    None,
    Cell(Cell),
    Function(Function),
}

/// A value, or `{ function = "now" }`.
pub(super) fn read_default(value: &Value<'_>, found: Option<Type>) -> Result<Default, Wrong> {
    let DeValue::Table(table) = value.raw else {
        // With an unknown type nothing can be said about its default.
        return found.map_or(Ok(Default::None), |found| {
            default_cell(value, found).map(Default::Cell)
        });
    };
    let names: Vec<_> = table.keys().map(|key| key.get_ref().as_ref()).collect();
    let function = match table.get("function").map(|value| value.get_ref()) {
        Some(DeValue::String(function)) if names == ["function"] => function.as_ref(),
        _ => {
            return Err(Wrong::new(
                "is no default",
                "write a value, or { function = \"now\" }",
            ));
        }
    };
    let (function, fits) = match (function, found) {
        ("now", found) => (
            Function::Now,
            found.is_none_or(|found| {
                found.kind == ColumnType::Timestamp
                    || found.kind == ColumnType::Text && found.form == Form::Plain
                    || found.kind == ColumnType::Date && found.form == Form::Plain
            }),
        ),
        ("uuid", found) => (
            Function::Uuid,
            found.is_none_or(|found| found.kind == ColumnType::Text),
        ),
        (other, _) => {
            return Err(Wrong::new(
                format!("is the function {other:?}, which is unknown"),
                "there are \"now\" and \"uuid\"; others are expressions in `message_default`",
            ));
        }
    };
    if fits {
        return Ok(Default::Function(function));
    }
    Err(Wrong::new(
        "is a function whose result does not fit its column",
        "\"now\" fills TIMESTAMP and TEXT, \"uuid\" UUID and TEXT",
    ))
}

fn default_cell(value: &Value<'_>, found: Type) -> Result<Cell, Wrong> {
    let kind = found.kind;
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
    let unfit = |holds: &str| {
        Wrong::new(
            format!("is {json}, which does not fit its column"),
            format!("the column holds {holds}"),
        )
    };
    let cell = Cell::from_json(&json, kind).ok_or_else(|| unfit(kind.describe()))?;
    found.form.stored(cell).map_err(|holds| unfit(&holds))
}
