//! Panics that say where they happened.

/// Makes panics log their message, file and line before the instance traps.
///
/// A trap alone reaches the host as `unreachable`, which helps no author. Every hook of
/// the SDK calls this first, since nothing of a plugin runs before its first call. Only
/// plugins that use [`bindings`](crate::bindings) directly need to call it themselves.
///
/// Outside WebAssembly it does nothing: the standard hook does the same, and tests rely
/// on it.
pub fn install_panic_hook() {
    #[cfg(target_family = "wasm")]
    {
        use std::panic::{PanicHookInfo, set_hook};
        use std::sync::Once;

        use crate::{Level, log};

        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            // Displayed as "panicked at file:line:column:" and the message on the next line.
            let report = |info: &PanicHookInfo<'_>| {
                let line = info.to_string().replacen(":\n", ": ", 1);
                log(Level::Error, "panic", line);
            };
            set_hook(Box::new(report));
        });
    }
}
