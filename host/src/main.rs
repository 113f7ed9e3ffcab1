//! The `hookcast` command. What it does is in the library, where tests reach it.

/// The C library's allocator keeps what bursts of work on many threads have taken: under
/// attack the server's memory grew by half while what it held did not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    hookcast::cli::run()
}
