//! `${NAME}` and `${file:PATH}` in the config's texts.
//!
//! They are replaced after TOML has been parsed: a variable's value can't change the
//! file's structure, and errors keep their lines. Files are for secrets, which some
//! systems hand over that way; what is in them is never in a message.

use std::fs::File;
use std::io::{self, Read as _};

use super::reader::{Environment, Wrong};

/// Most bytes that are taken from a file.
const FILE_LIMIT: u64 = 64 << 10;

/// Replaces `${NAME}` by the variable's value, `${file:PATH}` by the file's without its last
/// line's end, and `${NAME:-default}` by the default where the variable is unset or empty, or
/// the file missing or empty. `$$` is a dollar sign; so is a `$` before
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
    if let Some(path) = name.strip_prefix("file:") {
        return from_file(path, default);
    }
    let head = |c: char| c.is_ascii_alphabetic() || c == '_';
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(head) || !name.chars().all(tail) {
        return Err(Wrong::new(
            format!("has ${{{inside}}}, which names no environment variable"),
            "write ${NAME}, ${NAME:-default} or ${file:PATH}, or `$$` for a dollar sign",
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

fn from_file(path: &str, default: Option<&str>) -> Result<String, Wrong> {
    match (read(path), default) {
        (Ok(text), Some(default)) if text.is_empty() => Ok(default.to_owned()),
        (Ok(text), _) => Ok(text),
        (Err(error), Some(default)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(default.to_owned())
        }
        (Err(error), _) => Err(Wrong::new(
            format!("needs the file {path}, which can't be read: {error}"),
            "write it, have the server's user own it, or name another",
        )),
    }
}

fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_string(&mut text)?;
    if size as u64 > FILE_LIMIT {
        let what = format!("it has more than {FILE_LIMIT} bytes");
        return Err(io::Error::other(what));
    }
    // Editors and `echo` end the last line.
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
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
    fn files_give_what_is_in_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("a file");
            path.display().to_string()
        };
        let filled = |text: String| substitute(&text, &lookup).map_err(|wrong| wrong.what);
        let secret = write("secret", b"a ${HOST}\nb\r\n");
        assert_eq!(
            filled(format!("-${{file:{secret}}}-")),
            Ok("-a ${HOST}\nb-".into())
        );
        let empty = write("empty", b"\n");
        assert_eq!(filled(format!("${{file:{empty}}}")), Ok(String::new()));
        assert_eq!(filled(format!("${{file:{empty}:-x}}")), Ok("x".into()));
        let missing = folder.path().join("missing").display().to_string();
        assert_eq!(filled(format!("${{file:{missing}:-x}}")), Ok("x".into()));

        let large = write("large", &[b's'; (FILE_LIMIT + 1) as usize]);
        let binary = write("binary", b"sesame\xff");
        let here = folder.path().display().to_string();
        for unusable in [missing, large, binary, here, String::new()] {
            let problem = filled(format!("${{file:{unusable}}}")).expect_err("no text");
            assert!(problem.contains(&unusable), "{problem}");
            assert!(!problem.contains("sesame"), "{problem}");
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
