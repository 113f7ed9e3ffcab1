//! What machine code of plugins depends on, in one place: the server loads what a child
//! process compiled, and both must mean the same by it.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::{Config, WasmBacktraceDetails};

/// Address space reserved for each memory: with all that a 32-bit guest can address,
/// compiled code needs no bounds checks.
pub const RESERVATION: u64 = 4 << 30;
/// Address space behind each memory that nobody may touch.
pub const GUARD: u64 = 32 << 20;

/// The settings of an engine that compiles plugins or runs them. Where instances are
/// allocated and how large stacks are does not matter to the code.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // An async call costs a fifth without it, and its attack surface is gone.
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_memory64(false)
        .relaxed_simd_deterministic(true)
        .memory_init_cow(true)
        .memory_reservation(RESERVATION)
        .memory_guard_size(GUARD)
        .generate_address_map(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// A digest of all in an engine that its code depends on, wasmtime's version among it, in
/// hexadecimal. Code fits every engine with the same digest.
pub fn compatibility(engine: &wasmtime::Engine) -> String {
    let mut settings = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut settings);
    format!("{:016x}", settings.finish())
}

/// std's hasher may change from one release to the next; a file name must not.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}
