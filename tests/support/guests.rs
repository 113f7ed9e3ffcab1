//! The plugins that tests load.

use std::path::PathBuf;

/// The built component of a guest package, such as `versioned-a`.
pub fn file(package: &str) -> PathBuf {
    let folder = std::env::var_os("HOOKCAST_GUESTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| {
        panic!(
            "HOOKCAST_GUESTS is not set: run `cargo xtask test`, which builds the plugins for tests"
        )
    });
    let file = folder.join(format!("{}.wasm", package.replace('-', "_")));
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test`",
        file.display()
    );
    file
}

/// Its bytes.
pub fn bytes(package: &str) -> Vec<u8> {
    let file = file(package);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
