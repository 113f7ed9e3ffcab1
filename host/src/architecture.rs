//! ARCHITECTURE.md must not drift from the tree.

use std::path::Path;

#[test]
fn every_path_that_the_architecture_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    // Paths stand in backticks and have a slash; so do a few other things, which have
    // blanks or braces in them.
    let paths: Vec<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| quoted.contains('/') && !quoted.contains([' ', '{']))
        .collect();
    assert!(
        paths.len() > 50,
        "only {} paths found: has the format changed?",
        paths.len()
    );
    let missing: Vec<_> = paths
        .iter()
        .filter(|path| !root.join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what does not exist: {missing:?}"
    );
}

#[test]
fn every_module_of_the_host_is_in_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let lib = std::fs::read_to_string(root.join("host/src/lib.rs")).expect("lib.rs");
    let modules = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let unnamed: Vec<_> = modules
        .filter(|module| {
            !text.contains(&format!("host/src/{module}.rs"))
                && !text.contains(&format!("host/src/{module}/"))
        })
        .collect();
    assert!(
        unnamed.is_empty(),
        "ARCHITECTURE.md does not say where to find: {unnamed:?}"
    );
}
