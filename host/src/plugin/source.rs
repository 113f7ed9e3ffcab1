//! What a plugin is loaded from: one file, `NAME.wasm`, `NAME.js` or `NAME.mjs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inspect::listed;
use super::script::Script;

/// Extensions of components, and of scripts.
const COMPONENT: &str = "wasm";
const SCRIPTS: [&str; 2] = ["js", "mjs"];

/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";

/// What to do about a plugin with several files.
pub const ONE_FILE: &str = "a plugin is one file; delete the others";

/// A file as it was read or uploaded.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file's name, without its folder.
    pub file: String,
    pub bytes: Vec<u8>,
}

/// What is in a file.
#[derive(Debug)]
pub enum Code {
    /// WebAssembly: a component or a core module.
    Wasm(Vec<u8>),
    Script(Arc<Script>),
}

impl Source {
    /// An upload, which what it holds gives a file name. One that is neither WebAssembly
    /// nor text counts as damaged WebAssembly.
    pub fn uploaded(folder: &Path, name: &str, bytes: Vec<u8>) -> Self {
        let text = || !bytes.is_empty() && std::str::from_utf8(&bytes).is_ok();
        let extension = if bytes.starts_with(MAGIC) || !text() {
            COMPONENT
        } else {
            // A script stays under the name it has.
            let named = |extension: &&str| folder.join(format!("{name}.{extension}")).is_file();
            SCRIPTS.into_iter().find(named).unwrap_or(SCRIPTS[0])
        };
        Self {
            file: format!("{name}.{extension}"),
            bytes,
        }
    }

    /// Reads what the file holds. The end of its name says what is expected; WebAssembly
    /// is taken under any name, because for a moment an exchange leaves it under a
    /// script's (`registry/file.rs`).
    pub fn code(self) -> Result<Code, String> {
        let script = SCRIPTS
            .iter()
            .any(|extension| self.file.ends_with(&format!(".{extension}")));
        if self.bytes.starts_with(MAGIC) || !script {
            return Ok(Code::Wasm(self.bytes));
        }
        match String::from_utf8(self.bytes) {
            Ok(source) => Ok(Code::Script(Arc::new(Script {
                file: self.file,
                source,
            }))),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(format!(
                    "{} is not UTF-8 text (byte {at}); save it as UTF-8",
                    self.file
                ))
            }
        }
    }
}

/// The plugin that a file is; none for other files, and for those whose names begin with
/// a dot, which are uploads in progress.
pub fn plugin_of(file: &Path) -> Option<&str> {
    let extension = file.extension()?.to_str()?;
    let name = file.file_stem()?.to_str()?;
    let known = extension == COMPONENT || SCRIPTS.contains(&extension);
    (known && !name.starts_with('.')).then_some(name)
}

/// The files of a plugin that are there. There should be one.
pub fn files_of(folder: &Path, name: &str) -> Vec<PathBuf> {
    std::iter::once(COMPONENT)
        .chain(SCRIPTS)
        .map(|extension| folder.join(format!("{name}.{extension}")))
        .filter(|path| path.is_file())
        .collect()
}

/// Where a plugin is. Of one that is not there: where its component would be.
///
/// # Errors
/// It has several files.
pub fn file_of(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let mut files = files_of(folder, name);
    if files.len() > 1 {
        let shown: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let shown = listed(shown.iter().map(String::as_str));
        return Err(format!("it has several files, {shown}"));
    }
    let component = || folder.join(format!("{name}.{COMPONENT}"));
    Ok(files.pop().unwrap_or_else(component))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_say_which_are_plugins() {
        for (file, plugin) in [
            ("chat.wasm", Some("chat")),
            ("plugins/chat.js", Some("chat")),
            ("chat.mjs", Some("chat")),
            (".chat.js", None),
            ("chat.js.part", None),
            ("chat.ts", None),
            ("wasm", None),
        ] {
            assert_eq!(plugin_of(Path::new(file)), plugin, "{file}");
        }
    }

    #[test]
    fn an_upload_is_named_after_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = |bytes: &[u8]| Source::uploaded(folder.path(), "p", bytes.to_vec()).file;
        assert_eq!(named(b"\0asm\x0d\0\x01\0"), "p.wasm");
        assert_eq!(named(b"export const version = '1';"), "p.js");
        assert_eq!(named(b"\xff\xfe"), "p.wasm");
        assert_eq!(named(b""), "p.wasm");
        std::fs::write(folder.path().join("p.mjs"), "").expect("a script");
        assert_eq!(named(b"export {}"), "p.mjs");
    }
}
