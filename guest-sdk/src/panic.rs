//! Panics that say where they happened.

/// Makes panics log their message, file and line before the instance traps.
///
/// A trap alone reaches the host as `unreachable`, which helps no author. Every hook
/// calls this first, since nothing of a plugin runs before its first call.
#[cfg(target_family = "wasm")]
pub(crate) fn install_hook() {
    use std::panic::{PanicHookInfo, set_hook};
    use std::sync::Once;

    use crate::{Level, log};

    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Display gives "panicked at file:line:column:" and the message on a second line.
        let report = |info: &PanicHookInfo<'_>| {
            let line = info.to_string().replacen(":\n", ": ", 1);
            log(Level::Error, "panic", line);
        };
        set_hook(Box::new(report));
    });
}

/// Natively the standard hook does the same, and tests rely on it.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn install_hook() {}
