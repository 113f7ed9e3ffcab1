//! `open`, `message_default`, `prepare` and `modify`: Python in Gramex; here CEL where it
//! says the same, and a plugin where it says more.

use toml::{Table, Value};

use super::endpoint::Endpoint;
use super::javascript::{self, indented};
use super::python::{self, Python};
use super::toml::{key, verbatim};
use super::yaml::Entry;
use super::{cel, columns};

/// What both servers fill by themselves, in the words of Gramex's own config.
const BUILT_IN: [(&str, &str); 2] = [
    (
        "id",
        "base64.urlsafe_b64encode(uuid.uuid4().bytes).strip(b\"=\").decode('utf-8')",
    ),
    ("timestamp", NOW),
];

/// The time of a message, in Gramex's words.
const NOW: &str = "datetime.datetime.utcnow().isoformat()";

/// `open: args.update(…)`
pub fn open(entry: &Entry, endpoint: &mut Endpoint) {
    let Some(text) = entry.node.text() else {
        return;
    };
    let text = text.trim();
    let parsed = python::parse(text);
    if let Some(args) = parsed.as_ref().and_then(replaced_args) {
        for name in args.keys() {
            let column = name.trim_end_matches(['>', '<', '~', '*', '!']);
            if !name.starts_with('_') && columns::add(column, endpoint) {
                let what = format!(
                    "`open` goes by `{column}`, which `columns` does not have: it is a column \
                     of text here"
                );
                endpoint.notes.check(entry.line, what);
            }
        }
        endpoint.toml.value("open", &Value::Table(args));
        return;
    }
    quote(endpoint, entry, text);
    let mut lines = vec!["export function open(call, args) {".to_owned()];
    lines.extend(indented(comments(text)));
    let updates = parsed.as_ref().and_then(update_of_args);
    if let Some(changes) = updates.and_then(javascript::changes) {
        let change = |(name, value): &(&str, String)| format!("{}: {value}", javascript::key(name));
        let changes: Vec<_> = changes.iter().map(change).collect();
        lines.push(format!("  return {{ ...args, {} }};", changes.join(", ")));
    } else if let Some(statements) = parsed.as_ref().and_then(javascript::statements) {
        lines.extend(indented(statements));
    }
    lines.push("}".to_owned());
    endpoint.sketch.push(lines.join("\n"));
}

/// `message_default: {METHOD: {KEY: EXPRESSION}}`
pub fn defaults(entry: &Entry, endpoint: &mut Endpoint) {
    let mut sketched = Vec::new();
    for method in entry.node.entries() {
        let name = method.key.to_ascii_uppercase();
        if !["POST", "PUT", "DELETE"].contains(&name.as_str()) {
            let what = format!("`message_default.{}`: there is no such method", method.key);
            endpoint.notes.no_equivalent(method.line, what);
            continue;
        }
        for field in method.node.entries() {
            if let Some(lines) = default(&name, field, endpoint) {
                sketched.push(format!("if (call.method === \"{name}\") {{"));
                sketched.extend(indented(lines));
                sketched.push("}".to_owned());
            }
        }
    }
    if !sketched.is_empty() {
        let mut lines = vec!["export function defaults(call, message) {".to_owned()];
        lines.extend(indented(sketched));
        lines.extend(["  return message;".to_owned(), "}".to_owned()]);
        endpoint.sketch.push(lines.join("\n"));
    }
}

/// One field: into the config, or the lines of a hook.
fn default(method: &str, field: &Entry, endpoint: &mut Endpoint) -> Option<Vec<String>> {
    let text = field.node.text()?;
    let text = text.trim();
    let place = format!("message_default.{method}.{}", field.key);
    if is_built_in(method, &field.key, text) {
        let what = format!(
            "`{place}` is left out: the server fills `{}` itself",
            field.key
        );
        endpoint.notes.check(field.line, what);
        return None;
    }
    if field.key.starts_with('_') {
        let what = format!("`{place}`: keys that begin with `_` are the protocol's");
        endpoint.notes.no_equivalent(field.line, what);
        return None;
    }
    let parsed = python::parse(text);
    if let Some(expression) = parsed.as_ref().and_then(expression) {
        if matches!(&parsed, Some(Python::Attribute(_, length)) if length == "length") {
            let what = format!(
                "`{place}: {text}` fails in Gramex, because Python's texts have no `length`; \
                 here it is their length"
            );
            endpoint.notes.check(field.line, what);
        }
        let name = format!("message_default.{method}.{}", key(&field.key));
        endpoint.toml.text(&name, &verbatim(&expression));
        return None;
    }
    let what = format!("`{place}`: {text}");
    endpoint.notes.plugin(field.line, what);
    let mut lines = comments(text);
    if let Some(value) = parsed.as_ref().and_then(javascript::value) {
        lines.push(format!(
            "{} = {value};",
            javascript::member("message", &field.key)
        ));
    }
    Some(lines)
}

/// Whether the server does it anyway, or never does it.
fn is_built_in(method: &str, key: &str, text: &str) -> bool {
    match key {
        "user" => true,
        "id" if method != "POST" => true,
        _ => method == "POST" && BUILT_IN.contains(&(key, text)),
    }
}

/// A default as CEL. The documentation's `.length` means what it says in JavaScript.
fn expression(default: &Python) -> Option<String> {
    if python::parse(NOW).as_ref() == Some(default) {
        return Some("now".to_owned());
    }
    if let Python::Attribute(of, length) = default
        && length == "length"
    {
        return Some(format!("size({})", cel::translate(of)?));
    }
    cel::translate(default)
}

/// `prepare` and `modify`
pub fn change(entry: &Entry, endpoint: &mut Endpoint) {
    let Some(text) = entry.node.text() else {
        return;
    };
    let text = text.trim();
    quote(endpoint, entry, text);
    let mut lines = vec![format!("export function {}(call, message) {{", entry.key)];
    lines.extend(indented(comments(text)));
    match python::parse(text)
        .as_ref()
        .and_then(javascript::statements)
    {
        Some(statements) => lines.extend(indented(statements)),
        None if entry.key == "prepare" => lines.push(
            "  // Where it raised: throw new Reject(\"forbidden\", \"…\"); the sender reads the \
             sentence."
                .to_owned(),
        ),
        None => {}
    }
    lines.extend(["  return message;".to_owned(), "}".to_owned()]);
    endpoint.sketch.push(lines.join("\n"));
}

/// What `args.update(…)` puts in their place, as CEL.
fn replaced_args(expression: &Python) -> Option<Table> {
    let mut args = Table::new();
    for (name, value) in update_of_args(expression)? {
        // Anything but a list is an error in Gramex, too.
        matches!(value, Python::List(_)).then_some(())?;
        args.insert(name.to_owned(), verbatim(&cel::translate(value)?).into());
    }
    Some(args)
}

/// What `args.update(…)` sets.
fn update_of_args(expression: &Python) -> Option<Vec<(&str, &Python)>> {
    let Python::Call {
        function,
        arguments,
        named,
    } = expression
    else {
        return None;
    };
    let args = Python::Attribute(
        Box::new(Python::Name("args".to_owned())),
        "update".to_owned(),
    );
    if **function != args {
        return None;
    }
    python::updates(arguments, named)
}

/// Notes that a key needs a plugin, with its Python.
fn quote(endpoint: &mut Endpoint, entry: &Entry, text: &str) {
    let what = format!("`{}`: {text}", entry.key);
    endpoint.notes.plugin(entry.line, what);
}

/// The Python as comments of the sketch.
fn comments(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("// {line}")).collect()
}
