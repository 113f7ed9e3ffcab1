//! The `hookcast` command. What it does is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    hookcast::cli::run()
}
