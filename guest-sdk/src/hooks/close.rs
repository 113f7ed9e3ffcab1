//! The socket is gone.

use super::Exports;
use crate::bindings::close::{Cause, Guest};
use crate::{Call, Result, install_panic_hook};

/// The socket is gone. Not called when the server itself stops or crashes.
pub trait Close {
    /// Tells the others.
    ///
    /// # Errors
    /// To undo what the hook has done so far. Nobody is there to be answered: the error
    /// is logged.
    fn close(call: &Call, cause: &Cause) -> Result<()>;
}

impl<P: Close> Guest for Exports<P> {
    /// In WIT this hook can't fail, and only a failed call leaves no trace.
    #[expect(clippy::panic, reason = "the one way for this hook to fail")]
    fn close(call: Call, cause: Cause) {
        install_panic_hook();
        if let Err(rejection) = P::close(&call, &cause) {
            let cause = rejection.cause.as_deref().unwrap_or_default();
            panic!("the hook `close` failed: {rejection} {cause}");
        }
    }
}
