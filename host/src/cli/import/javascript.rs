//! Python to JavaScript, for sketches of hooks: they are read by somebody before they run.

use super::cel::{is_session, is_user};
use super::python::{self, Python};

/// Statements that do what a Python expression does for its effect; none where that can't
/// be said in JavaScript.
pub fn statements(expression: &Python) -> Option<Vec<String>> {
    match expression {
        // What stands where nothing is to be done.
        Python::None | Python::Bool(_) | Python::Int(_) | Python::Text(_) => Some(Vec::new()),
        Python::Conditional {
            condition,
            then,
            otherwise,
        } => {
            let mut lines = vec![format!("if ({}) {{", value(condition)?)];
            lines.extend(indented(statements(then)?));
            let otherwise = statements(otherwise)?;
            if !otherwise.is_empty() {
                lines.push("} else {".to_owned());
                lines.extend(indented(otherwise));
            }
            lines.push("}".to_owned());
            Some(lines)
        }
        Python::Call {
            function,
            arguments,
            named,
        } => match &**function {
            Python::Attribute(of, method) => match (&**of, method.as_str()) {
                (Python::Name(of), "update") if of == "msg" => {
                    let changes = changes(python::updates(arguments, named)?)?;
                    let line = |(key, value)| format!("{} = {value};", member("message", key));
                    Some(changes.into_iter().map(line).collect())
                }
                (Python::Name(of), "setdefault") if of == "msg" => {
                    let [Python::Text(key), default] = &arguments[..] else {
                        return None;
                    };
                    let (found, quoted) = (member("message", key), quoted(key));
                    let default = value(default)?;
                    Some(vec![format!(
                        "if (!({quoted} in message)) {found} = {default};"
                    )])
                }
                (Python::Name(of), "info" | "debug" | "error") if of == "logging" => {
                    let arguments: Option<Vec<_>> = arguments.iter().map(value).collect();
                    Some(vec![format!(
                        "console.{method}({});",
                        arguments?.join(", ")
                    )])
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// What is set to what, each value as JavaScript.
pub fn changes<'p>(updates: Vec<(&'p str, &Python)>) -> Option<Vec<(&'p str, String)>> {
    let changes = updates
        .into_iter()
        .map(|(key, change)| Some((key, value(change)?)));
    changes.collect()
}

/// A value.
pub fn value(expression: &Python) -> Option<String> {
    Some(match expression {
        Python::None => "null".to_owned(),
        Python::Bool(flag) => flag.to_string(),
        Python::Int(number) => number.to_string(),
        Python::Float(number) => number.to_string(),
        Python::Text(text) => quoted(text),
        Python::Name(name) if name == "msg" => "message".to_owned(),
        Python::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(value).collect();
            format!("[{}]", items?.join(", "))
        }
        Python::Attribute(of, name) if is_user(of) => member("context.user()", name),
        Python::Attribute(..) if is_user(expression) => "context.user()".to_owned(),
        Python::Index(of, key) => {
            let Python::Text(key) = &**key else {
                return None;
            };
            match &**of {
                Python::Name(name) if name == "msg" => member("message", key),
                of if is_user(of) => member("context.user()", key),
                of if is_session(of) => member("context.session()", key),
                _ => return None,
            }
        }
        Python::Call {
            function,
            arguments,
            named,
        } if named.is_empty() => match (&**function, &arguments[..]) {
            // Python counts characters, JavaScript pairs of bytes.
            (Python::Name(name), [of]) if name == "len" => format!("[...{}].length", value(of)?),
            (Python::Attribute(of, get), [Python::Text(key), default @ ..])
                if get == "get" && **of == Python::Name("msg".to_owned()) =>
            {
                let default = default.first().map_or(Some("null".to_owned()), value)?;
                format!("({} ?? {default})", member("message", key))
            }
            _ => return None,
        },
        Python::Not(inner) => format!("!({})", value(inner)?),
        Python::Binary(operator, left, right) => {
            let sign = match *operator {
                "==" | "is" => "===",
                "!=" | "is not" => "!==",
                "and" => "&&",
                "or" => "||",
                "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" => operator,
                _ => return None,
            };
            let (left, right) = (value(left)?, value(right)?);
            match sign {
                "===" | "!==" | "+" => format!("{left} {sign} {right}"),
                _ => format!("({left} {sign} {right})"),
            }
        }
        Python::Conditional {
            condition,
            then,
            otherwise,
        } => {
            let (then, otherwise) = (value(then)?, value(otherwise)?);
            format!("({} ? {then} : {otherwise})", value(condition)?)
        }
        _ => return None,
    })
}

/// A property of an object.
pub fn member(object: &str, key: &str) -> String {
    if is_name(key) {
        return format!("{object}.{key}");
    }
    format!("{object}[{}]", quoted(key))
}

/// A key as it stands in an object.
pub fn key(key: &str) -> String {
    if is_name(key) {
        return key.to_owned();
    }
    quoted(key)
}

fn is_name(key: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && key.chars().all(part)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lines, two places further in.
pub fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketched(text: &str) -> Option<String> {
        let expression = python::parse(text).unwrap_or_else(|| panic!("no Python: {text}"));
        statements(&expression).map(|lines| lines.join("\n"))
    }

    #[test]
    fn the_documentation_s_hooks_become_statements() {
        assert_eq!(
            sketched(
                "msg.update(message='MSG: ' + msg['message']) if msg['_method'] == 'POST' else ''"
            )
            .as_deref(),
            Some(
                "if (message._method === \"POST\") {\n  message.message = \"MSG: \" + message.message;\n}"
            )
        );
        assert_eq!(
            sketched("msg.setdefault('length', len(msg.get('body', '')))").as_deref(),
            Some(
                "if (!(\"length\" in message)) message.length = [...(message.body ?? \"\")].length;"
            )
        );
        assert_eq!(
            sketched("logging.info('by %s', handler.current_user)").as_deref(),
            Some("console.info(\"by %s\", context.user());")
        );
    }

    #[test]
    fn what_has_no_words_in_javascript_is_left_to_the_reader() {
        for text in [
            "mymodule.my_prepare(msg, handler)",
            "json.dump(msg, open('last.log', 'w'))",
            "msg.pop('x')",
        ] {
            assert_eq!(sketched(text), None, "{text}");
        }
    }
}
