//! `wasi:logging`: lines of the plugin's log.

use crate::plugin::bindings::wasi::logging::logging;
use crate::plugin::log::Level;
use crate::plugin::state::State;

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, context: String, message: String) {
        let level = match level {
            logging::Level::Trace => Level::Trace,
            logging::Level::Debug => Level::Debug,
            logging::Level::Info => Level::Info,
            logging::Level::Warn => Level::Warn,
            logging::Level::Error => Level::Error,
            logging::Level::Critical => Level::Critical,
        };
        if level >= Level::Error {
            // SDKs log a panic before they trap: it belongs into the trap's report.
            self.captured.note(&message);
        }
        self.log.line(level, &context, &message);
    }
}
