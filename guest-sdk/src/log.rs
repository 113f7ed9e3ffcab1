//! Lines in the server's log.

use std::fmt;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The values of variables and the flow of control.
    Trace,
    /// For someone debugging the plugin.
    Debug,
    /// For someone watching the server.
    Info,
    /// Something could go wrong.
    Warn,
    /// Something went wrong.
    Error,
    /// Nothing works.
    Critical,
}

/// Writes a line to the server's log; `context` says where it comes from.
///
/// The host adds plugin, endpoint and connection, cuts long lines, and drops lines that
/// come too fast. Outside WebAssembly the line goes to standard error.
///
/// ```
/// use hookcast_guest::{Level, log};
/// log(Level::Warn, module_path!(), format_args!("{} words are too many", 1_000));
/// ```
pub fn log(level: Level, context: &str, message: impl fmt::Display) {
    #[cfg(target_family = "wasm")]
    {
        use crate::bindings::imports::wasi::logging::logging;
        let level = match level {
            Level::Trace => logging::Level::Trace,
            Level::Debug => logging::Level::Debug,
            Level::Info => logging::Level::Info,
            Level::Warn => logging::Level::Warn,
            Level::Error => logging::Level::Error,
            Level::Critical => logging::Level::Critical,
        };
        logging::log(level, context, &message.to_string());
    }
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?} {context}: {message}");
}

/// Writes a formatted line at level debug: `debug!("{count} words")`.
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::log($crate::Level::Debug, module_path!(), format_args!($($line)+)) };
}

/// Writes a formatted line at level info: `info!("{count} words")`.
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::log($crate::Level::Info, module_path!(), format_args!($($line)+)) };
}

/// Writes a formatted line at level warn: `warn!("{count} words")`.
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::log($crate::Level::Warn, module_path!(), format_args!($($line)+)) };
}

/// Writes a formatted line at level error: `error!("{count} words")`.
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::log($crate::Level::Error, module_path!(), format_args!($($line)+)) };
}
