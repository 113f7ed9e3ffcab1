//! Finds the JavaScript runtime that `cargo xtask javascript` makes. Without it the server
//! is built all the same, and says what to do when it is given a script.

use std::path::Path;

const FOLDER: &str = "../guest-sdk/javascript";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(javascript_runtime)");
    let runtime = Path::new(FOLDER).join("runtime.wasm");
    if runtime.is_file() {
        println!("cargo::rerun-if-changed={}", runtime.display());
        println!("cargo::rustc-cfg=javascript_runtime");
    } else {
        // A missing file counts as changed with every build; its folder does not.
        println!("cargo::rerun-if-changed={FOLDER}");
    }
}
