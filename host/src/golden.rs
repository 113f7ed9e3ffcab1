//! Files that tests keep equal to what the code says: documentation and expected errors.

use std::fs;
use std::path::{Path, PathBuf};

/// A path in the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a file with what it should be. With `HOOKCAST_BLESS` set in the environment
/// it writes the file anew instead; look at the difference before you commit it.
#[track_caller]
pub(crate) fn compare(file: &Path, expected: &str) {
    if std::env::var_os("HOOKCAST_BLESS").is_some() {
        fs::write(file, expected).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let stored = fs::read_to_string(file).unwrap_or_default();
    assert!(
        stored == expected,
        "{} is out of date; HOOKCAST_BLESS=1 cargo test -p hookcast writes it anew.\n\
         It should be:\n{expected}",
        file.display()
    );
}
