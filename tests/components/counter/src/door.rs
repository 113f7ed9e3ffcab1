//! `connect`, `open` and `close` add 1 to the key that `_at_connect`, `_at_open` or
//! `_at_close` in the query string names.

use hookcast_guest::kv::Bucket;
use hookcast_guest::{
    Acceptance, Args, Call, Cause, Close, Connect, HostError, Open, Refusal, Result, context,
};

use crate::Counter;

impl Connect for Counter {
    /// Refuses connections beyond `_most`.
    fn connect(_: &Call) -> Result<Acceptance, Refusal> {
        let count = count("_at_connect").map_err(|error| Refusal::new(503, error.to_string()))?;
        let most = context::args()
            .get("_most")
            .and_then(|most| most.parse().ok());
        if most.is_some_and(|most: u64| count > most) {
            return Err(Refusal::new(429, "The house is full."));
        }
        Ok(Acceptance::default())
    }
}

impl Open for Counter {
    fn open(_: &Call, _: Args) -> Result<Option<Args>> {
        count("_at_open")?;
        Ok(None)
    }
}

impl Close for Counter {
    fn close(_: &Call, _: &Cause) -> Result<()> {
        count("_at_close")?;
        Ok(())
    }
}

/// The sum; 0 without such a key in the query string.
fn count(key: &str) -> Result<u64, HostError> {
    match context::args().get(key) {
        Some(name) => Bucket::open("main")?.increment(name, 1),
        None => Ok(0),
    }
}
