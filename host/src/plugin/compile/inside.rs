//! What a compiling child does: confine itself, read a component, write machine code.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use super::confine::confine;
use crate::plugin::codegen;

/// What the server asks of the child, besides the component.
#[derive(Debug)]
pub struct Order {
    /// Time that the server will wait.
    pub time: Duration,
    /// Bytes of memory that the child may use.
    pub memory: u64,
    /// The digest that the code's engine must have; see [`codegen::compatibility`].
    pub compatibility: String,
}

/// Why there is no machine code.
#[derive(Debug)]
pub enum Failure {
    /// The component can't be compiled, or not here.
    Problem(String),
    /// It takes more memory than it may.
    OutOfMemory,
    /// The server is of another version than this executable, whose digest this is.
    OtherVersion(String),
}

/// Compiles standard input to standard output. The process is of no use for anything
/// else afterwards.
pub fn run(order: &Order) -> Result<(), Failure> {
    let problem = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Problem(format!("the compiler {what}: {error}"))
    };
    confine(order.time, order.memory).map_err(|error| problem("can't limit itself", &error))?;
    let engine = wasmtime::Engine::new(&codegen::config())
        .map_err(|error| problem("can't start", &error))?;
    let own = codegen::compatibility(&engine);
    if own != order.compatibility {
        return Err(Failure::OtherVersion(own));
    }
    let mut wasm = Vec::new();
    io::stdin()
        .read_to_end(&mut wasm)
        .map_err(|error| problem("can't read the component", &error))?;
    let code = engine.precompile_component(&wasm).map_err(|error| {
        match error.downcast_ref::<wasmtime::OutOfMemory>() {
            // Most of the compiler does not notice, and aborts.
            Some(_) => Failure::OutOfMemory,
            None => Failure::Problem(format!("{error:#}")),
        }
    })?;
    let mut output = io::stdout().lock();
    let written = output.write_all(&code).and_then(|()| output.flush());
    written.map_err(|error| problem("can't hand over the code", &error))
}
