//! `${NAME}` in the config's texts.
//!
//! It is replaced after TOML has been parsed: a variable's value can't change the
//! file's structure, and errors keep their lines.

use super::reader::{Environment, Wrong};

/// Replaces `${NAME}` by the variable's value, and `${NAME:-default}` by the default
/// where the variable is unset or empty. `$$` is a dollar sign; so is a `$` before
/// anything but `{`.
pub(super) fn substitute(text: &str, environment: Environment<'_>) -> Result<String, Wrong> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((inside, after)) = after.split_once('}') else {
                return Err(Wrong::new(
                    "has a `${` without its `}`",
                    "close it, or write `$$` for a dollar sign",
                ));
            };
            result.push_str(&variable(inside, environment)?);
            rest = after;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// The value of what stands between the braces.
fn variable(inside: &str, environment: Environment<'_>) -> Result<String, Wrong> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let head = |c: char| c.is_ascii_alphabetic() || c == '_';
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(head) || !name.chars().all(tail) {
        return Err(Wrong::new(
            format!("has ${{{inside}}}, which names no environment variable"),
            "write ${NAME} or ${NAME:-default}, or `$$` for a dollar sign",
        ));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Wrong::new(
            format!("needs the environment variable {name}, which is not set"),
            format!("set it, or give a default as ${{{name}:-default}}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db.example".into()),
            "EMPTY" => Some(String::new()),
            "MONEY" => Some("${HOST}".into()),
            _ => None,
        }
    }

    #[test]
    fn replaces_what_is_set_and_falls_back_where_it_is_not() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${HOST}:1", "db.example:1"),
            ("${NONE:-a:-b}", "a:-b"),
            ("${EMPTY:-x}${EMPTY}", "x"),
            ("$$5 and $6, $", "$5 and $6, $"),
            ("$${HOST}", "${HOST}"),
            // Values are not substituted again: they may be passwords with a `$`.
            ("${MONEY}", "${HOST}"),
        ] {
            assert_eq!(substitute(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_which_variable_is_missing_or_malformed() {
        for text in ["${NONE}", "${open", "${}", "${A-B}", "${1A}"] {
            assert!(substitute(text, &lookup).is_err(), "{text}");
        }
        let wrong = substitute("${NONE}", &lookup).unwrap_err();
        assert!(wrong.what.contains("NONE"), "{}", wrong.what);
    }
}
