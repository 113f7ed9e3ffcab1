//! Finds the JavaScript runtime that `cargo xtask javascript` makes. Without it the server
//! is built all the same, and says what to do when it is given a script.

use std::path::Path;

/// Watched as a folder: of a file that is missing cargo would think that it changes with
/// every build.
const FOLDER: &str = "../guest-sdk/javascript";

fn main() {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rustc-check-cfg=cfg(javascript_runtime)");
    if Path::new(FOLDER).join("runtime.wasm").is_file() {
        println!("cargo::rustc-cfg=javascript_runtime");
    }
}
