//! The result as texts: the config, and what its reader has to know.

use std::fmt::Write as _;

use super::endpoint::Endpoint;
use super::gramex::Imported;
use super::notes::{Kind, Note};
use super::toml::key;

/// The config. `from` names the file that it was made of.
pub fn config(imported: &Imported, from: &str) -> String {
    let mut text = format!(
        "# Made of {from} by `hookcast import`. `hookcast check-config` checks it; every key is in\n\
         # config/reference.toml.\n"
    );
    let mut line = |line: &str| text = format!("{text}{line}\n");
    if let Some(storage) = &imported.storage {
        line("");
        line("[storage]");
        line(&format!("url = {}", toml::Value::from(storage.as_str())));
    }
    if imported
        .endpoints
        .iter()
        .any(|endpoint| endpoint.known_users)
    {
        line("");
        line("# Who users are: set up [auth.jwt] or [auth.proxy], which say it from now on.");
    }
    for service in &imported.services {
        line("");
        line(&format!("[mail.{}]", key(&service.name)));
        for written in service.toml.lines() {
            line(written);
        }
    }
    for endpoint in &imported.endpoints {
        line("");
        line(&format!("# {}, line {}", endpoint.from, endpoint.line));
        line(&format!("[endpoints.{}]", endpoint.name));
        for written in endpoint.toml.lines() {
            line(written);
        }
    }
    text
}

/// What could not be carried over, and the sketches of hooks.
pub fn report(imported: &Imported, from: &str) -> String {
    let mut text = String::new();
    let count = imported.endpoints.len();
    let what = if count == 1 { "entry" } else { "entries" };
    // Writing to a text can't fail.
    let _ = writeln!(text, "{from}: {count} MessageHandler {what}");
    notes(&mut text, &imported.notes.0);
    for endpoint in &imported.endpoints {
        let Endpoint {
            name, from, line, ..
        } = endpoint;
        let _ = writeln!(text, "\nendpoint `{name}`, from `{from}` (line {line})");
        if endpoint.notes.0.is_empty() {
            let _ = writeln!(text, "  nothing to do");
        }
        notes(&mut text, &endpoint.notes.0);
        if !endpoint.sketch.is_empty() {
            let plugin = endpoint.plugin();
            let _ = writeln!(text, "  sketch of plugins/{plugin}.js:\n");
            let sketch = endpoint.sketch.join("\n\n");
            for line in sketch.lines() {
                let _ = writeln!(text, "{}", format!("    {line}").trim_end());
            }
        }
    }
    text
}

fn notes(text: &mut String, notes: &[Note]) {
    for (kind, heading) in Kind::ALL {
        let chosen = notes.iter().filter(|note| note.kind == kind);
        let mut lines: Vec<_> = chosen.map(|note| (note.line, &note.what)).collect();
        lines.sort_by_key(|(line, _)| *line);
        if !lines.is_empty() {
            let _ = writeln!(text, "  {heading}:");
        }
        for (line, what) in lines {
            let what = what.replace('\n', "\n      ");
            let _ = writeln!(text, "    line {line}: {what}");
        }
    }
}
