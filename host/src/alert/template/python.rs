//! Python's imports in templates, for those who bring theirs from Gramex: its own
//! documentation begins an alert with `{% import pandas as pd %}`.
//!
//! Nothing is imported. The tags become assignments of small stand-ins for what mails use
//! of these modules: the time, in the ways that Python has for it.

use std::collections::BTreeMap;

use minijinja::{Error, ErrorKind, Value};

use super::date::{moment, moment_of_seconds};

/// The name that the stand-ins are found under.
pub const NAME: &str = "_python";

const MODULES: &[&str] = &["datetime", "pandas", "time"];

/// The source with assignments where it had imports; lines stay where they are. The error
/// has its line.
pub(super) fn without_imports(source: &str) -> Result<String, (usize, String)> {
    let mut readable = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let Some(length) = rest[open..].find("%}") else {
            break;
        };
        let tag = &rest[open..open + length + 2];
        readable.push_str(&rest[..open]);
        let inside = tag[2..tag.len() - 2].trim_matches(|c| c == '-' || c == '+');
        let words: Vec<_> = inside.split_whitespace().collect();
        let import = match words[..] {
            ["import", module] => Some((module, module)),
            ["import", module, "as", name] => Some((module, name)),
            _ => None,
        };
        match import {
            Some((module, name)) if MODULES.contains(&module) => {
                readable.push_str(&format!("{{% set {name} = {NAME}.{module} %}}"));
                readable.push_str(&"\n".repeat(tag.matches('\n').count()));
            }
            Some((module, _)) if !module.starts_with(['"', '\'']) => {
                let line = readable.matches('\n').count() + 1;
                let known = MODULES.join(", ");
                return Err((
                    line,
                    format!(
                        "templates are not Python and can't import `{module}`; there are \
                         stand-ins for {known}, and `now()`, and what needs more is a plugin"
                    ),
                ));
            }
            _ => readable.push_str(tag),
        }
        rest = &rest[open + length + 2..];
    }
    readable.push_str(rest);
    Ok(readable)
}

/// The stand-ins, at a time. `micros` since 1970-01-01 UTC.
pub fn modules(micros: i64) -> Value {
    let now = Value::from_function(move || moment(micros));
    let seconds = Value::from_function(move || micros as f64 / 1e6);
    let to_datetime = Value::from_function(|nanoseconds: f64| {
        moment_of_seconds(nanoseconds / 1e9)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "there is no such time"))
    });
    let clock = || [("now", now.clone()), ("utcnow", now.clone())];
    let class = |functions: [(&'static str, Value); 2]| Value::from(BTreeMap::from(functions));
    Value::from(BTreeMap::from([
        ("time", Value::from(BTreeMap::from([("time", seconds)]))),
        (
            "datetime",
            Value::from(BTreeMap::from([("datetime", class(clock()))])),
        ),
        (
            "pandas",
            Value::from(BTreeMap::from([
                ("to_datetime", to_datetime),
                ("Timestamp", class(clock())),
            ])),
        ),
    ]))
}
