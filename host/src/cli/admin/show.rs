//! The admin API's answers for people.

mod comparison;
mod plugin;

use serde_json::{Map, Value};

use super::Command;

/// An answer as text without a final line break.
pub(super) fn answer(command: &Command, answer: &Value) -> String {
    match command {
        Command::Plugins => table(
            &answer["plugins"],
            &[
                "name",
                "version",
                "generation",
                "hooks",
                "handlers",
                "endpoints",
            ],
            "no plugins",
        ),
        Command::Endpoints => table(
            &answer["endpoints"],
            &["name", "path", "dialect", "plugins", "connections", "head"],
            "no endpoints",
        ),
        Command::Connections => table(
            &answer["connections"],
            &["id", "endpoint", "user", "address", "since", "lag"],
            "no connections",
        ),
        Command::Try { .. } => comparison::comparison(answer),
        Command::Failures { id: None, .. } => table(
            &answer["failures"],
            &["id", "hook", "fails", "version", "generation", "message"],
            "no failed calls",
        ),
        // For files: a fixture is JSON.
        Command::Failures { id: Some(_), .. } => {
            serde_json::to_string_pretty(answer).unwrap_or_default()
        }
        Command::Record { folder, .. } => {
            let recorded = answer["recorded"].as_array().map_or(0, Vec::len);
            let (wanted, folder) = (cell(&answer["wanted"]), folder.display());
            format!("{recorded} of {wanted} calls are in {folder}")
        }
        Command::Plugin { .. } => plugin::show(answer),
        Command::Put { .. } | Command::Reload { name: Some(_) } | Command::Rollback { .. } => {
            report(answer)
        }
        Command::Quarantine { name, .. } => format!("{name} is out of service"),
        Command::Resume { name } => format!("{name} is in service again"),
        Command::Reload { name: None } => reload(answer),
        Command::Delete { name } => format!("{name} is deleted"),
        Command::Disconnect { id } => format!("{id} is closed"),
        Command::Health => health(answer),
    }
}

/// Objects as lines with one column for each key, wide enough for the longest value.
fn table(rows: &Value, keys: &[&str], none: &str) -> String {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return none.to_owned();
    }
    let mut lines: Vec<Vec<String>> = vec![keys.iter().map(|key| key.to_uppercase()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| keys.iter().map(|key| cell(&row[*key])).collect()),
    );
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..keys.len()).map(width).collect();
    let lines = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An object as `key  value` lines.
fn fields(object: &Value) -> String {
    let empty = Map::new();
    let object = object.as_object().unwrap_or(&empty);
    let width = object
        .keys()
        .map(|key| key.chars().count())
        .max()
        .unwrap_or(0);
    let lines = object
        .iter()
        .map(|(key, value)| format!("{key:width$}  {}", cell(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// What happened when a plugin was swapped: steps with their times, then changes.
fn report(report: &Value) -> String {
    let plugin = cell(&report["plugin"]);
    let generation = cell(&report["generation"]);
    let mut lines = vec![if report["dry_run"] == true {
        format!("{plugin} would serve as a new generation")
    } else {
        format!("{plugin} serves as generation {generation}")
    }];
    let steps = report["steps"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for step in steps {
        let millis = step["ms"].as_f64().unwrap_or(0.0);
        lines.push(format!("  {millis:>9.1} ms  {}", cell(&step["step"])));
    }
    if let Some(changed) = report["changed"].as_object() {
        let changed = changed.iter().filter(|(_, value)| !is_empty(value));
        lines.extend(changed.map(|(what, value)| format!("  {what}: {}", cell(value))));
    }
    lines.join("\n")
}

fn reload(answer: &Value) -> String {
    if answer["applied"] == true {
        return "the config is applied".to_owned();
    }
    let keys = cell(&answer["restart_needed"]);
    format!("nothing is applied; these changes need a restart: {keys}")
}

fn health(answer: &Value) -> String {
    match (answer["healthy"] == true, answer["ready"] == true) {
        (true, true) => "healthy and ready".to_owned(),
        (true, false) => format!("healthy, but not ready: {}", cell(&answer["said"])),
        (false, _) => format!("not healthy: {}", cell(&answer["said"])),
    }
}

/// A value in one line; `-` for none. Texts come from plugins and clients and must not
/// steer the terminal.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    if text.is_empty() {
        return "-".to_owned();
    }
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(visible).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_tables() {
        let answer_ = json!({ "plugins": [
            { "name": "chat", "version": "0.1.0", "digest": "ab", "generation": 3,
              "hooks": ["prepare", "modify"], "handlers": [], "endpoints": ["chat"] },
            { "name": "m", "version": null, "generation": 12, "hooks": ["prepare"] },
        ] });
        assert_eq!(
            answer(&Command::Plugins, &answer_),
            "NAME  VERSION  GENERATION  HOOKS            HANDLERS  ENDPOINTS\n\
             chat  0.1.0    3           prepare, modify  -         chat\n\
             m     -        12          prepare          -         -"
        );
        assert_eq!(answer(&Command::Plugins, &json!({})), "no plugins");
    }

    #[test]
    fn a_report_lists_steps_and_what_changed() {
        let report_ = json!({
            "plugin": "chat", "generation": 4,
            "steps": [{ "step": "compile", "ms": 120.25 }, { "step": "swap", "ms": 0.01 }],
            "changed": { "hooks_added": ["close"], "hooks_removed": [], "grants": {} },
        });
        assert_eq!(
            report(&report_),
            "chat serves as generation 4\n      120.2 ms  compile\n        0.0 ms  swap\n  \
             hooks_added: close"
        );
    }

    #[test]
    fn a_reload_names_what_needs_a_restart() {
        let refused = json!({ "applied": false, "restart_needed": ["server.listen"] });
        let shown = answer(&Command::Reload { name: None }, &refused);
        assert!(shown.ends_with("need a restart: server.listen"), "{shown}");
    }

    #[test]
    fn values_can_not_steer_the_terminal() {
        assert_eq!(cell(&json!("\u{1b}[2J")), "\u{fffd}[2J");
    }
}
