//! `open`, `message_default`, `prepare` and `modify`: Python in Gramex; here CEL where it
//! says the same, and a plugin where it says more.

use toml::{Table, Value};

use super::cel;
use super::endpoint::Endpoint;
use super::javascript::{self, indented};
use super::python::{self, Python};
use super::toml::{key, verbatim};
use super::yaml::Entry;

/// What both servers fill by themselves, in the words of Gramex's own config.
const BUILT_IN: [&str; 3] = ["id", "user", "timestamp"];

/// `open: args.update(…)`
pub fn open(entry: &Entry, endpoint: &mut Endpoint) {
    let Some(text) = entry.node.text() else {
        return;
    };
    let text = text.trim();
    let parsed = python::parse(text);
    if let Some(args) = parsed.as_ref().and_then(replaced_args) {
        endpoint.toml.value("open", &Value::Table(args));
        return;
    }
    quote(endpoint, entry, text);
    let mut lines = vec!["export function open(call, args) {".to_owned()];
    lines.extend(indented(comments(text)));
    let arguments = parsed.as_ref().and_then(update_of_args);
    if let Some(changes) = arguments.and_then(|(dicts, named)| javascript::changes(dicts, named)) {
        let change = |(name, value)| format!("{}: {value}", javascript::key(name));
        let changes: Vec<_> = changes.iter().map(|(n, v)| change((n, v))).collect();
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
    if BUILT_IN.contains(&field.key.as_str()) {
        let what = format!(
            "`{place}` is left out: the server fills `{}` itself",
            field.key
        );
        endpoint.notes.check(field.line, what);
        return None;
    }
    let parsed = python::parse(text);
    if let Some(expression) = parsed.as_ref().and_then(cel::translate) {
        let name = format!("message_default.{method}.{}", key(&field.key));
        endpoint.toml.text(&name, &verbatim(&expression));
        return None;
    }
    let mut what = format!("`{place}`: {text}");
    if let Some(of) = text.strip_suffix(".length")
        && let Some(of) = python::parse(of).as_ref().and_then(cel::translate)
    {
        what += &format!(
            " (Python's texts have no `length`, so that it fails in Gramex; if it is meant so, \
             write `{place} = \"size({of})\"`)"
        );
    }
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
    let (dicts, named) = update_of_args(expression)?;
    let mut args = Table::new();
    let mut set = |name: &str, value: &Python| {
        // Anything but a list is an error in Gramex, too.
        matches!(value, Python::List(_)).then_some(())?;
        args.insert(name.to_owned(), verbatim(&cel::translate(value)?).into());
        Some(())
    };
    for dict in dicts {
        let Python::Dict(entries) = dict else {
            return None;
        };
        for (name, value) in entries {
            let Python::Text(name) = name else {
                return None;
            };
            set(name, value)?;
        }
    }
    for (name, value) in named {
        set(name, value)?;
    }
    Some(args)
}

/// The arguments of `args.update(…)`: maps, and named ones.
fn update_of_args(expression: &Python) -> Option<(&[Python], &[(String, Python)])> {
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
    (**function == args).then_some((arguments, named))
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
