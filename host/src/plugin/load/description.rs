//! Checks what a plugin says of itself against what it exports.

use serde_json::Value;

use crate::plugin::bindings::exports::hookcast::plugin::describe::{self, Description};
use crate::plugin::generation::Handler;
use crate::plugin::hook::Hook;
use crate::plugin::inspect::listed;
use crate::plugin::log::printable;

/// Bytes of a version, and of a message type.
const NAME: usize = 64;

/// Most message types of one plugin.
const HANDLERS: usize = 1_000;

/// What holds of a description.
#[derive(Debug, PartialEq)]
pub struct Described {
    pub version: String,
    /// Hooks to call: exported and listed.
    pub hooks: Vec<Hook>,
    pub handlers: Vec<Handler>,
}

/// Checks a description; the error says what to change in `describe`.
pub fn check(description: Description, exported: &[Hook]) -> Result<Described, String> {
    let Description {
        version,
        hooks,
        handlers,
    } = description;
    let is_name =
        |text: &str| !text.is_empty() && text.len() <= NAME && !text.chars().any(char::is_control);
    if !is_name(&version) {
        return Err(format!(
            "`describe` gives a version that is not 1 to {NAME} printable bytes"
        ));
    }
    let mut hooks = active(&hooks, exported)?;
    hooks.sort();
    let answers = hooks.contains(&Hook::Handlers);
    if answers == handlers.is_empty() {
        return Err(if answers {
            "`describe` lists the hook `handlers` but no message type; it would never be called. \
             List its types, or leave the hook out"
        } else {
            "`describe` lists message types but not the hook `handlers`, which answers them. List \
             the hook, or leave the types out"
        }
        .into());
    }
    if handlers.len() > HANDLERS {
        let count = handlers.len();
        return Err(format!(
            "`describe` lists {count} message types; a plugin may have {HANDLERS}"
        ));
    }
    let mut checked: Vec<Handler> = Vec::with_capacity(handlers.len());
    for describe::Handler {
        message_type,
        schema,
    } in handlers
    {
        let shown = printable(&message_type);
        if !is_name(&message_type) {
            return Err(format!(
                "`describe` lists the message type `{shown}`; it must be 1 to {NAME} printable bytes"
            ));
        }
        if checked
            .iter()
            .any(|handler| handler.message_type == message_type)
        {
            return Err(format!(
                "`describe` lists the message type `{shown}` twice; keep one"
            ));
        }
        let schema = schema.as_deref().map(read_schema).transpose();
        let schema = schema.map_err(|error| {
            format!("`describe` gives `{shown}` a schema that is no JSON Schema: {error}")
        })?;
        checked.push(Handler {
            message_type,
            schema,
        });
    }
    Ok(Described {
        version,
        hooks,
        handlers: checked,
    })
}

fn active(listed_hooks: &[String], exported: &[Hook]) -> Result<Vec<Hook>, String> {
    let mut hooks = Vec::new();
    for name in listed_hooks {
        let hook = Hook::parse(name)
            .filter(|hook| Hook::CALLABLE.contains(hook))
            .ok_or_else(|| {
                let known = listed(Hook::CALLABLE.iter().map(|hook| hook.name()));
                format!(
                    "`describe` lists the hook `{}`; there are {known}",
                    printable(name)
                )
            })?;
        if !exported.contains(&hook) {
            return Err(format!(
                "`describe` lists the hook `{hook}`, which the component does not export; export \
                 `hookcast:plugin/{hook}@0.1.1`, or leave it out"
            ));
        }
        if !hooks.contains(&hook) {
            hooks.push(hook);
        }
    }
    if hooks.is_empty() {
        let exported = listed(exported.iter().map(|hook| hook.name()));
        return Err(format!(
            "`describe` lists no hook, so none would be called; it exports {exported}"
        ));
    }
    Ok(hooks)
}

fn read_schema(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(schema),
        Ok(_) => Err("it is neither an object nor true or false".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(hooks: &[&str], types: &[&str]) -> Description {
        let handler = |name: &&str| describe::Handler {
            message_type: (*name).into(),
            schema: None,
        };
        Description {
            version: "1.0.0".into(),
            hooks: hooks.iter().map(ToString::to_string).collect(),
            handlers: types.iter().map(handler).collect(),
        }
    }

    #[test]
    fn active_hooks_are_those_exported_and_listed() {
        let exported = [Hook::Prepare, Hook::Modify];
        let described = check(description(&["modify"], &[]), &exported).expect("valid");
        assert_eq!(described.hooks, [Hook::Modify]);
    }

    #[test]
    fn what_does_not_agree_is_refused_with_its_name() {
        let all = Hook::CALLABLE;
        for (hooks, types, exported, says) in [
            (
                vec!["prepare"],
                vec![],
                vec![Hook::Modify],
                "`prepare`, which the component does not export",
            ),
            (vec![], vec![], all.to_vec(), "lists no hook"),
            (
                vec!["prepair"],
                vec![],
                all.to_vec(),
                "the hook `prepair`; there are `connect`",
            ),
            (
                vec!["describe"],
                vec![],
                all.to_vec(),
                "the hook `describe`; there are",
            ),
            (vec!["handlers"], vec![], all.to_vec(), "no message type"),
            (
                vec!["modify"],
                vec!["ping"],
                all.to_vec(),
                "not the hook `handlers`",
            ),
            (
                vec!["handlers"],
                vec!["ping", "ping"],
                all.to_vec(),
                "`ping` twice",
            ),
            (vec!["handlers"], vec![""], all.to_vec(), "printable"),
        ] {
            let error = check(description(&hooks, &types), &exported).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn schemas_are_objects_or_booleans() {
        assert!(read_schema(r#"{"type": "object"}"#).is_ok());
        assert!(read_schema("true").is_ok());
        assert!(read_schema("[]").is_err());
        assert!(read_schema("{").is_err());
    }
}
