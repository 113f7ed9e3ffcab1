//! The plugins that tests load.

use std::path::PathBuf;

/// The built component of a guest package, such as `versioned-a`.
pub fn file(package: &str) -> PathBuf {
    let file = path(package);
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask test`",
        file.display()
    );
    file
}

/// Why a guest in Python is not there, as not every machine can build it.
pub fn missing(package: &str) -> Option<String> {
    let lacks = "needs a plugin built with Python: `cargo xtask guests` says what is missing";
    (!path(package).is_file()).then(|| lacks.to_owned())
}

/// Why plugins in JavaScript can't be run.
pub fn runtime_missing() -> Option<String> {
    let lacks = "the server has no JavaScript runtime: `cargo xtask javascript`";
    (!cfg!(javascript_runtime)).then(|| lacks.to_owned())
}

fn path(package: &str) -> PathBuf {
    let folder = std::env::var_os("HOOKCAST_GUESTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| {
        panic!(
            "HOOKCAST_GUESTS is not set: run `cargo xtask test`, which builds the plugins for tests"
        )
    });
    folder.join(format!("{}.wasm", package.replace('-', "_")))
}

/// Its bytes.
pub fn bytes(package: &str) -> Vec<u8> {
    let file = file(package);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
