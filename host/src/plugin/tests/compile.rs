//! The compiler's child and the server must mean the same by machine code.

use super::support::ENGINE;
use crate::plugin::codegen;

#[test]
fn a_child_compiles_what_the_server_loads() {
    let compiling = wasmtime::Engine::new(&codegen::config()).expect("an engine");
    assert_eq!(
        codegen::compatibility(&compiling),
        codegen::compatibility(ENGINE.wasmtime())
    );
    let mut other = codegen::config();
    other.epoch_interruption(false);
    let other = wasmtime::Engine::new(&other).expect("an engine");
    assert_ne!(
        codegen::compatibility(&compiling),
        codegen::compatibility(&other)
    );
}
