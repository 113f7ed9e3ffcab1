//! The server's log.

use hookcast_guest::{Level, log};

use crate::message;

message! {
    /// Writes `message` at `level`, by default `info`.
    Log = "log" { message: String, level: Option<String> },
    |message, _call| {
        let level = match message.level.as_deref() {
            Some("trace") => Level::Trace,
            Some("debug") => Level::Debug,
            Some("warn") => Level::Warn,
            Some("error") => Level::Error,
            Some("critical") => Level::Critical,
            _ => Level::Info,
        };
        log(level, "relay", message.message);
        Ok(())
    }
}
