//! Templates of an alert: written out, or in files of their own.

use std::path::{Path, PathBuf};

use crate::alert::template::Template;
use crate::config::reader::Wrong;
use crate::config::value::Value;

/// Bytes of a template's file.
const TEMPLATE: u64 = 1 << 20;

/// A file, relative to the working directory.
pub(super) fn path(value: &Value<'_>) -> Result<PathBuf, Wrong> {
    let text = value.text()?;
    if text.is_empty() || text.contains('\0') {
        return Err(Wrong::new("is not a path", "name a file"));
    }
    Ok(text.into())
}

fn contents(path: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if bytes > TEMPLATE {
        return Err(format!("it has {bytes} bytes, and {TEMPLATE} are allowed"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// A template that can be used.
pub(super) fn template(value: &Value<'_>, source: String, html: bool) -> Result<Template, Wrong> {
    checked(Template {
        place: value.key.clone(),
        source,
        html,
    })
}

fn checked(template: Template) -> Result<Template, Wrong> {
    match template.check() {
        Ok(()) => Ok(template),
        Err(problem) => {
            let what = format!("is no template that can be used ({problem})");
            Err(Wrong::new(
                what,
                "docs/alerts.md says what templates can do",
            ))
        }
    }
}

/// A template in the file that the value names.
pub(super) fn template_in(value: &Value<'_>, html: bool) -> Result<Template, Wrong> {
    let path = path(value)?;
    let source = contents(&path).map_err(|error| {
        let what = format!("names {}, which can't be read: {error}", path.display());
        Wrong::new(what, "write the template there, or correct the path")
    })?;
    checked(Template {
        place: path.display().to_string(),
        source,
        html,
    })
}
