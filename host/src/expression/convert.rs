//! Between JSON and the library's values.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp,
    CelUInt,
};
use cel::common::value::Val;
use cel::objects::Key;
use serde_json::{Map, Number, Value};

use super::Problem;
use crate::clock::iso_text;

/// Whole numbers become `int` wherever they fit, so that they can be reckoned with: CEL
/// adds no `uint` to an `int`.
pub(super) fn from_json(json: &Value) -> Box<dyn Val> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::Number(number) => from_number(number),
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Array(items) => {
            let items: Vec<Box<dyn Val>> = items.iter().map(from_json).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(object) => {
            let entry = |(key, value): (&String, &Value)| {
                let key = CelMapKey::String(CelString::from(key.clone()));
                (key, from_json(value))
            };
            let entries: HashMap<CelMapKey<'static>, Box<dyn Val>> =
                object.iter().map(entry).collect();
            Box::new(CelMap::from(entries))
        }
    }
}

fn from_number(number: &Number) -> Box<dyn Val> {
    if let Some(number) = number.as_i64() {
        return Box::new(CelInt::from(number));
    }
    match number.as_u64() {
        Some(number) => Box::new(CelUInt::from(number)),
        None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

/// A point in time. One beyond what the library takes is as late as can be.
pub(super) fn from_micros(micros: u64) -> Box<dyn Val> {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let time = chrono::DateTime::from_timestamp_micros(micros);
    let time = time.unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    Box::new(CelTimestamp::from(time.fixed_offset()))
}

/// # Errors
/// Values that JSON has no form for.
pub(super) fn to_json(value: &cel::Value) -> Result<Value, Problem> {
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(flag) => Value::Bool(*flag),
        cel::Value::Int(number) => (*number).into(),
        cel::Value::UInt(number) => (*number).into(),
        cel::Value::Float(number) => {
            Number::from_f64(*number)
                .map(Value::Number)
                .ok_or_else(|| {
                    Problem::new(format!("it gives {number}, which is no number in JSON"))
                })?
        }
        cel::Value::String(text) => text.as_str().into(),
        cel::Value::Timestamp(time) => {
            let micros = time.timestamp_micros();
            iso_text(micros).into()
        }
        cel::Value::List(items) => {
            let items = items.iter().map(to_json);
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        cel::Value::Map(map) => {
            // The library's map has no order; the same value must always look the same.
            let mut entries: Vec<(&Key, &cel::Value)> = map.map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entry = |(key, value): (&Key, _)| Ok((key.to_string(), to_json(value)?));
            Value::Object(
                entries
                    .into_iter()
                    .map(entry)
                    .collect::<Result<Map<_, _>, _>>()?,
            )
        }
        other => {
            let kind = other.type_of();
            return Err(Problem::new(format!(
                "it gives a value of type {kind}, which JSON does not have"
            )));
        }
    })
}
