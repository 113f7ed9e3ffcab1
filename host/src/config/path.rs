//! An endpoint's `path`: its syntax, and that no two endpoints want the same request.

use std::collections::{BTreeMap, BTreeSet};

use matchit::{InsertError, Router};

use super::reader::Wrong;
use super::value::Value;

/// Reads a path such as `/chat`, `/ws/{room}` or `/files/{*rest}`.
pub(super) fn endpoint_path(value: &Value<'_>) -> Result<String, Wrong> {
    let path = value.text()?;
    let wrong = |what: &str, remedy: &str| Err(Wrong::new(format!("is {path:?}, {what}"), remedy));
    if !path.starts_with('/') {
        let remedy = format!("write \"/{path}\"");
        return wrong("without a leading slash", &remedy);
    }
    // Requests arrive percent-encoded and without query or fragment: what a path can't
    // hold would never match.
    let allowed = |c: char| c.is_ascii_graphic() && !r#""<>\^`|?#"#.contains(c);
    if let Some(bad) = path.chars().find(|c| !allowed(*c)) {
        let what = format!("but a request's path has no {bad:?}");
        let mut bytes = [0; 4];
        let encoded = bad.encode_utf8(&mut bytes).bytes();
        let encoded: String = encoded.map(|byte| format!("%{byte:02X}")).collect();
        return wrong(&what, &format!("leave it out, or write {encoded}"));
    }
    if path.contains("//") {
        return wrong("with an empty segment", "write one slash");
    }
    if path
        .split('/')
        .any(|segment| segment.starts_with(':') || segment.starts_with('*'))
    {
        let remedy = "write {room} for one segment, {*rest} for all that follow";
        return wrong("with a parameter in another notation", remedy);
    }
    check_parameters(&path)?;
    // A router of its own: conflicts with other endpoints are another error.
    match Router::new().insert(&path, ()) {
        Ok(()) => Ok(path),
        Err(InsertError::InvalidParamSegment) => wrong(
            "with two parameters in one segment",
            "put a slash between them",
        ),
        Err(InsertError::InvalidCatchAll) => wrong(
            "which goes on after a {*…}",
            "put {*rest} at the very end, after a slash",
        ),
        Err(_) => wrong(
            "with a malformed parameter",
            "write {room} or {*rest}; for braces themselves write {{ and }}",
        ),
    }
}

/// Checks that each parameter has a name that hooks can ask for, once.
fn check_parameters(path: &str) -> Result<(), Wrong> {
    let mut names = BTreeSet::new();
    let unescaped = path.replace("{{", "").replace("}}", "");
    for parameter in unescaped.split('{').skip(1) {
        // Without its brace it is the router that refuses it.
        let Some((name, _)) = parameter.split_once('}') else {
            continue;
        };
        let name = name.strip_prefix('*').unwrap_or(name);
        let tail = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(tail) {
            return Err(Wrong::new(
                format!("is {path:?}, with a parameter named {name:?}"),
                "name parameters with letters, digits and `_`",
            ));
        }
        if !names.insert(name.to_owned()) {
            return Err(Wrong::new(
                format!("is {path:?}, with two parameters named {name:?}"),
                "name them differently",
            ));
        }
    }
    Ok(())
}

/// The paths seen so far. Fixed segments go before parameters, so that `/ws/help` and
/// `/ws/{room}` may stand side by side; only what is ambiguous is a conflict.
#[derive(Default)]
pub(super) struct Paths {
    router: Router<()>,
    owners: BTreeMap<String, String>,
}

impl Paths {
    /// Adds an endpoint's path; an error when another endpoint has its requests.
    pub fn add(&mut self, path: &str, endpoint: &str) -> Result<(), Wrong> {
        match self.router.insert(path, ()) {
            Ok(()) => {
                self.owners.insert(path.to_owned(), endpoint.to_owned());
                Ok(())
            }
            Err(InsertError::Conflict { with }) => {
                // The router may name a path that is only near the one it means.
                let owner = self.owners.get(&with);
                let owner = owner.map_or(String::new(), |owner| format!(" of `endpoints.{owner}`"));
                Err(Wrong::new(
                    format!("is {path:?}, which can't be told from {with:?}{owner}"),
                    "give each endpoint its own path",
                ))
            }
            // Its syntax has been checked, and reported, before.
            Err(_) => Ok(()),
        }
    }
}
