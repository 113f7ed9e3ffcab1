//! `auth: true` or `{condition, membership, …}`.

use toml::{Table, Value};

use super::cel;
use super::endpoint::Endpoint;
use super::python;
use super::toml::verbatim;
use super::yaml::Entry;

pub fn read(entry: &Entry, endpoint: &mut Endpoint) {
    if entry.node.flag() == Some(false) {
        return;
    }
    endpoint.known_users = true;
    let mut conditions = Vec::new();
    for key in entry.node.entries() {
        match key.key.as_str() {
            "membership" => conditions.extend(membership(key, endpoint)),
            "condition" => conditions.extend(condition(key, endpoint)),
            other => {
                let what =
                    format!("`auth.{other}`: who may not connect is answered with 401 or 403");
                endpoint.notes.no_equivalent(key.line, what);
            }
        }
    }
    let mut auth = Table::new();
    auth.insert("required".to_owned(), true.into());
    if !conditions.is_empty() {
        let all = verbatim(&conditions.join(" && "));
        auth.insert("condition".to_owned(), all.into());
    }
    endpoint.toml.value("auth", &Value::Table(auth));
}

/// One map, or several of which one must fit: of a map each key must.
fn membership(key: &Entry, endpoint: &mut Endpoint) -> Option<String> {
    let mut any = Vec::new();
    for map in key.node.list() {
        let mut all = Vec::new();
        for claim in map.entries() {
            let values: Option<Vec<_>> = claim.node.list().iter().map(|n| n.text()).collect();
            let simple = claim
                .key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
            let Some(values) = values.filter(|values| simple && !values.is_empty()) else {
                let what = format!("`auth.membership.{}`: write `auth.condition`", claim.key);
                endpoint.notes.no_equivalent(claim.line, what);
                continue;
            };
            let quoted = values
                .iter()
                .map(|value| serde_json::Value::from(value.as_str()));
            let quoted: Vec<_> = quoted.map(|value| value.to_string()).collect();
            all.push(format!("user.{} in [{}]", claim.key, quoted.join(", ")));
        }
        if !all.is_empty() {
            any.push(format!("({})", all.join(" && ")));
        }
    }
    if any.is_empty() {
        return None;
    }
    endpoint.notes.check(
        key.line,
        "`auth.membership` compares single values; if a user has a list of them, write \
         `user.KEY.exists(one, one in [\"…\"])`",
    );
    Some(format!("({})", any.join(" || ")))
}

fn condition(key: &Entry, endpoint: &mut Endpoint) -> Option<String> {
    let text = key.node.text()?;
    let found = python::parse(&text).as_ref().and_then(cel::condition);
    if found.is_none() {
        endpoint
            .notes
            .plugin(key.line, format!("`auth.condition`: {}", text.trim()));
        let lines = text.trim().lines().map(|line| format!("  // {line}"));
        let lines: Vec<_> = lines.collect();
        endpoint.sketch.push(format!(
            "export function connect(call) {{\n{}\n  // If not: throw new Refuse(403, \"…\");\n}}",
            lines.join("\n")
        ));
    }
    found
}
