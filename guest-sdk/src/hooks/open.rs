//! Before history is read: what the subscription selects.

use super::{Exports, run};
use crate::bindings::imports::hookcast::plugin::types::{self, Arg};
use crate::bindings::open::Guest;
use crate::{Args, Call, Result};

/// Before history is read: what the subscription selects.
pub trait Open {
    /// Takes the query string. What it returns replaces it, and with it the filter of
    /// this subscription; none leaves it as it is.
    ///
    /// # Errors
    /// To close the connection with an error frame.
    fn open(call: &Call, args: Args) -> Result<Option<Args>>;
}

impl<P: Open> Guest for Exports<P> {
    fn open(call: Call, args: Vec<Arg>) -> Result<Option<Vec<Arg>>, types::Rejection> {
        run(|| Ok(P::open(&call, Args::from_wire(args))?.map(Args::into_wire)))
    }
}
