//! Python to CEL, where both mean the same.

use super::python::Python;
use crate::expression::Expression;

/// What is known of a value.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Int,
    Condition,
    Unknown,
}

/// The CEL expression that means what a Python expression does; none where there is none,
/// or where that can't be known.
pub fn translate(expression: &Python) -> Option<String> {
    text_of(expression).and_then(usable)
}

/// The same of a condition, which in CEL must be true or false.
pub fn condition(expression: &Python) -> Option<String> {
    condition_of(expression).and_then(usable)
}

/// None for what the server would refuse: one that is too long.
fn usable(text: String) -> Option<String> {
    Expression::compile(&text).is_ok().then_some(text)
}

fn text_of(expression: &Python) -> Option<String> {
    cel(expression).map(|(text, _)| text)
}

fn condition_of(expression: &Python) -> Option<String> {
    if is_user(expression) {
        return Some("user != null".to_owned());
    }
    let (text, kind) = cel(expression)?;
    (kind == Kind::Condition).then_some(text)
}

fn cel(expression: &Python) -> Option<(String, Kind)> {
    let unknown = |text: String| Some((text, Kind::Unknown));
    match expression {
        Python::None => unknown("null".to_owned()),
        Python::Bool(flag) => Some((flag.to_string(), Kind::Condition)),
        Python::Int(number) => Some((number.to_string(), Kind::Int)),
        // With its point: `1` would be another type.
        Python::Float(number) => unknown(format!("{number:?}")),
        Python::Text(text) => Some((quoted(text), Kind::Text)),
        Python::Name(name) if name == "msg" => unknown("msg".to_owned()),
        Python::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(text_of).collect();
            unknown(format!("[{}]", items?.join(", ")))
        }
        Python::Attribute(of, name) if is_user(of) => unknown(member("user", name)),
        Python::Attribute(..) if is_user(expression) => unknown("user".to_owned()),
        Python::Index(of, key) => match (&**of, &**key) {
            (Python::Name(name), Python::Text(key)) if name == "msg" => unknown(member("msg", key)),
            (of, Python::Text(key)) if is_user(of) => unknown(member("user", key)),
            (of, Python::Text(key)) if is_session(of) && key == "id" => {
                unknown("session.id".to_owned())
            }
            _ => None,
        },
        Python::Call {
            function,
            arguments,
            named,
        } if named.is_empty() => call(function, arguments),
        Python::Not(inner) => Some((format!("!({})", condition_of(inner)?), Kind::Condition)),
        Python::Negative(inner) => match &**inner {
            Python::Int(number) => Some((format!("-{number}"), Kind::Int)),
            Python::Float(number) => unknown(format!("-{number:?}")),
            _ => None,
        },
        Python::Binary(operator, left, right) => binary(operator, left, right),
        Python::Conditional {
            condition: test,
            then,
            otherwise,
        } => {
            let test = condition_of(test)?;
            let (then, one) = cel(then)?;
            let (otherwise, other) = cel(otherwise)?;
            let kind = if one == other { one } else { Kind::Unknown };
            Some((format!("({test} ? {then} : {otherwise})"), kind))
        }
        _ => None,
    }
}

fn call(function: &Python, arguments: &[Python]) -> Option<(String, Kind)> {
    match function {
        Python::Name(name) if name == "len" => match arguments {
            [of] => Some((format!("size({})", text_of(of)?), Kind::Int)),
            _ => None,
        },
        Python::Attribute(of, name) if name == "get" => {
            let object = match &**of {
                Python::Name(name) if name == "msg" => "msg",
                of if is_user(of) => "user",
                _ => return None,
            };
            let (Python::Text(key), default) = (arguments.first()?, arguments.get(1)) else {
                return None;
            };
            let default = text_of(default.unwrap_or(&Python::None))?;
            let found = member(object, key);
            let text = format!("({} ? {found} : {default})", has(object, key));
            (arguments.len() <= 2).then_some((text, Kind::Unknown))
        }
        _ => None,
    }
}

fn binary(operator: &str, left: &Python, right: &Python) -> Option<(String, Kind)> {
    if matches!(operator, "and" | "or") {
        let sign = if operator == "and" { "&&" } else { "||" };
        let text = format!("({} {sign} {})", condition_of(left)?, condition_of(right)?);
        return Some((text, Kind::Condition));
    }
    let (one, first) = cel(left)?;
    let test = |text: String| Some((text, Kind::Condition));
    if matches!(operator, "in" | "not in") {
        let text = match (left, right) {
            (Python::Text(key), Python::Name(name)) if name == "msg" => has("msg", key),
            (_, Python::List(_)) => format!("({one} in {})", text_of(right)?),
            // Of a text it would ask for a part of it, of a list for an item.
            _ => return None,
        };
        return test(match operator {
            "in" => text,
            _ => format!("!{text}"),
        });
    }
    let (other, second) = cel(right)?;
    match operator {
        "==" | "!=" | "<" | "<=" | ">" | ">=" => test(format!("{one} {operator} {other}")),
        "is" if *right == Python::None => test(format!("{one} == null")),
        "is not" if *right == Python::None => test(format!("{one} != null")),
        // Numbers of two types can't be added in CEL, and who knows what clients send.
        "+" if first == Kind::Text || second == Kind::Text => {
            Some((format!("{one} + {other}"), Kind::Text))
        }
        "+" | "-" if first == Kind::Int && second == Kind::Int => {
            Some((format!("({one} {operator} {other})"), Kind::Int))
        }
        _ => None,
    }
}

/// `handler.current_user`
pub fn is_user(expression: &Python) -> bool {
    is_of_handler(expression, "current_user")
}

/// `handler.session`
pub fn is_session(expression: &Python) -> bool {
    is_of_handler(expression, "session")
}

fn is_of_handler(expression: &Python, attribute: &str) -> bool {
    let Python::Attribute(of, name) = expression else {
        return false;
    };
    name == attribute && matches!(&**of, Python::Name(name) if name == "handler")
}

fn has(object: &str, key: &str) -> String {
    if is_identifier(key) {
        return format!("has({object}.{key})");
    }
    format!("({} in {object})", quoted(key))
}

fn member(object: &str, key: &str) -> String {
    if is_identifier(key) {
        return format!("{object}.{key}");
    }
    format!("{object}[{}]", quoted(key))
}

/// JSON's escapes are CEL's, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a key can stand behind a dot.
fn is_identifier(key: &str) -> bool {
    const RESERVED: [&str; 20] = [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
    ];
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && key != "while"
        && !RESERVED.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::python;

    fn cel(text: &str) -> Option<String> {
        translate(&python::parse(text).unwrap_or_else(|| panic!("no Python: {text}")))
    }

    #[test]
    fn what_means_the_same_is_translated() {
        let cases = [
            ("'a' + msg['b']", r#""a" + msg.b"#),
            ("len(msg['body'])", "size(msg.body)"),
            ("msg.get('x')", "(has(msg.x) ? msg.x : null)"),
            ("msg.get('x', 0)", "(has(msg.x) ? msg.x : 0)"),
            ("msg['odd key']", r#"msg["odd key"]"#),
            ("msg['in']", r#"msg["in"]"#),
            ("handler.current_user.id", "user.id"),
            ("handler.current_user['email']", "user.email"),
            (
                "handler.current_user.get('id', None) if handler.current_user else None",
                "(user != null ? (has(user.id) ? user.id : null) : null)",
            ),
            ("handler.session['id']", "session.id"),
            (
                "msg['_method'] == 'POST' and not msg.get('x') is None",
                r#"(msg._method == "POST" && !((has(msg.x) ? msg.x : null) == null))"#,
            ),
            (
                "'a' in msg or msg['n'] in [1, 2]",
                "(has(msg.a) || (msg.n in [1, 2]))",
            ),
            ("1.0", "1.0"),
            ("-3", "-3"),
            (r#""it's""#, r#""it's""#),
        ];
        for (text, expected) in cases {
            assert_eq!(cel(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_may_mean_something_else_is_not() {
        for text in [
            "msg['a'] + msg['b']",
            "msg['n'] / 2",
            "msg['a'] and msg['b']",
            "msg['a'] if msg['b'] else 1",
            "'a' in msg['body']",
            "handler.session['cart']",
            "handler.request.remote_ip",
            "str(msg['n'])",
            "msg['body'].upper()",
            "msg.body",
            "datetime.datetime.utcnow().isoformat()",
            "args",
        ] {
            assert_eq!(cel(text), None, "{text}");
        }
    }
}
