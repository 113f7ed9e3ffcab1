//! One plugin: its facts, then its hooks and limits as tables, generation by generation.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{cell, fields, table};
use crate::config::{show_duration, show_size};

/// Keys that are shown as tables, or of which only a part is.
const TABLES: [&str; 4] = ["figures", "limits", "load", "older"];

pub(super) fn show(plugin: &Value) -> String {
    let facts: Map<String, Value> = plugin.as_object().map_or_else(Map::new, |plugin| {
        let facts = plugin.iter().filter(|(key, _)| !TABLES.contains(&&***key));
        facts
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    });
    let mut parts = vec![fields(&Value::Object(facts)), figures(plugin)];
    for older in list(&plugin["older"]) {
        let (generation, version) = (cell(&older["generation"]), cell(&older["version"]));
        parts.push(format!(
            "generation {generation} ({version}) still judges messages"
        ));
        parts.push(figures(older));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// The hooks and the limits of one generation.
fn figures(generation: &Value) -> String {
    let hooks: Vec<_> = list(&generation["figures"]).iter().map(hook).collect();
    let limits: Vec<_> = list(&generation["limits"]).iter().map(limit).collect();
    let mut tables = Vec::new();
    if !hooks.is_empty() {
        let keys = [
            "hook", "calls", "rejected", "failed", "p50", "p99", "in", "out",
        ];
        tables.push(table(&hooks.into(), &keys, ""));
    }
    if !limits.is_empty() {
        let keys = ["limit", "is", "most used", "hits"];
        tables.push(table(&limits.into(), &keys, ""));
    }
    tables.join("\n\n")
}

fn hook(figures: &Value) -> Value {
    let latency = &figures["latency"];
    let quantile = |key: &str| latency[key].as_u64().map(|micros| format!("{micros} us"));
    json!({
        "hook": figures["hook"],
        "calls": figures["calls"],
        "rejected": figures["rejected"],
        "failed": failures(figures),
        "p50": quantile("p50"),
        "p99": quantile("p99"),
        "in": figures["bytes_in"].as_u64().map(about),
        "out": figures["bytes_out"].as_u64().map(about),
    })
}

/// `3 (2 timeout, 1 trap)`
fn failures(figures: &Value) -> String {
    let kinds = list(&figures["errors"]);
    let counts = kinds.iter().map(|kind| kind[1].as_u64().unwrap_or(0));
    let total: u64 = counts.sum();
    if total == 0 {
        return "0".to_owned();
    }
    let kinds = kinds
        .iter()
        .map(|kind| format!("{} {}", cell(&kind[1]), cell(&kind[0])));
    format!("{total} ({})", kinds.collect::<Vec<_>>().join(", "))
}

fn limit(figures: &Value) -> Value {
    let unit = figures["unit"].as_str().unwrap_or_default();
    let exact = |number: u64| match unit {
        "microseconds" => show_duration(Duration::from_micros(number)),
        "bytes" => show_size(number),
        _ => number.to_string(),
    };
    let measured = |number: u64| match unit {
        "microseconds" => format!("{:.1} ms", number as f64 / 1_000.0),
        "bytes" => about(number),
        _ => number.to_string(),
    };
    json!({
        "limit": figures["name"],
        "is": figures["limit"].as_u64().map(exact),
        "most used": figures["high_water"].as_u64().map(measured),
        "hits": figures["hits"],
    })
}

/// A number of bytes as people say it.
fn about(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{size:.1} {}", UNITS[unit])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_and_limits_are_tables_with_units() {
        let figures = |calls: u64| {
            json!([{
                "hook": "prepare", "calls": calls, "rejected": 1,
                "errors": [["timeout", 2], ["trap", 1]], "traps": [["unreachable", 1]],
                "timeouts": [["hook", 2]], "bytes_in": 1_536, "bytes_out": 10,
                "latency": {"mean": 3.2, "p50": 3, "p90": 5, "p99": null},
            }])
        };
        let plugin = json!({
            "name": "chat", "generation": 2, "load": {"steps": []},
            "limits": [
                {"name": "hook", "unit": "microseconds", "limit": 50_000, "high_water": 50_400, "hits": 2},
                {"name": "memory", "unit": "bytes", "limit": 33_554_432, "high_water": 1_179_648, "hits": 0},
                {"name": "effects", "unit": "count", "limit": 1_000, "high_water": 7, "hits": 0},
                {"name": "stack", "unit": "bytes", "limit": 524_288, "high_water": null, "hits": 0},
            ],
            "figures": figures(12),
            "older": [{"generation": 1, "version": "0.1.0", "figures": figures(3), "limits": []}],
            "failure": null,
        });
        let hooks = |calls: &str| {
            format!(
                "HOOK     CALLS  REJECTED  FAILED                 P50   P99  IN       OUT\n\
                 prepare  {calls:5}  1         3 (2 timeout, 1 trap)  3 us  -    1.5 KiB  10 B"
            )
        };
        let expected = [
            "name        chat\ngeneration  2\nfailure     -".to_owned(),
            hooks("12"),
            "LIMIT    IS       MOST USED  HITS\n\
             hook     50ms     50.4 ms    2\n\
             memory   32 MiB   1.1 MiB    0\n\
             effects  1000     7          0\n\
             stack    512 KiB  -          0"
                .to_owned(),
            "generation 1 (0.1.0) still judges messages".to_owned(),
            hooks("3"),
        ];
        assert_eq!(show(&plugin), expected.join("\n\n"));
    }
}
