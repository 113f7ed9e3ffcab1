//! Which files of a plugin's folder are its author's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders of what compilers make.
const MADE: [&str; 2] = ["target", "__pycache__"];

/// Whether a file is an author's: none that compilers or editors make.
pub(super) fn is_source(root: &Path, file: &Path) -> bool {
    let inside = file
        .strip_prefix(root)
        .map_or_else(|_| PathBuf::new(), Path::to_owned);
    let mut names = inside
        .components()
        .map(|name| name.as_os_str().to_string_lossy());
    !inside.as_os_str().is_empty()
        && inside.file_name() != Some("Cargo.lock".as_ref())
        && names.all(|name| {
            !name.starts_with('.') && !name.ends_with('~') && !MADE.contains(&name.as_ref())
        })
}

/// When a source in the folder was changed last.
pub(super) fn last_change(root: &Path) -> io::Result<SystemTime> {
    let mut last = SystemTime::UNIX_EPOCH;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !is_source(root, &path) {
                continue;
            }
            // What a link leads to.
            let about = fs::metadata(&path)?;
            if about.is_dir() {
                folders.push(path);
            } else {
                last = last.max(about.modified()?);
            }
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compilers_and_editors_make_is_no_source() {
        let root = Path::new("/w/plugins/chat");
        for (file, expected) in [
            ("src/lib.rs", true),
            ("chat.py", true),
            ("wit/hooks.wit", true),
            ("target/release/chat.d", false),
            (".venv/lib/x.py", false),
            ("sdk/hookcast/__pycache__/x.pyc", false),
            ("src/.lib.rs.swp", false),
            ("src/lib.rs~", false),
            ("Cargo.lock", false),
            ("", false),
        ] {
            assert_eq!(is_source(root, &root.join(file)), expected, "{file}");
        }
        assert!(!is_source(root, Path::new("/w/plugins/chat.wasm")));
    }
}
