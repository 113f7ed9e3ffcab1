//! Exports `describe` and lists no hooks: valid, and never called again.

struct NoHooks;

hookcast_guest::export!(NoHooks);
