//! How many calls of a plugin run at the same time, for each endpoint that uses it.
//!
//! Counted by endpoint, so that one endpoint's slow messages take nothing away from
//! another that uses the same plugin.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::Semaphore;

pub struct Permits {
    /// For each endpoint.
    each: usize,
    by_endpoint: RwLock<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Permits {
    pub fn new(each: usize) -> Self {
        Self {
            each,
            by_endpoint: RwLock::default(),
        }
    }

    /// The permits of one endpoint.
    pub fn of(&self, endpoint: &Arc<str>) -> Arc<Semaphore> {
        if let Some(permits) = self.by_endpoint.read().get(endpoint) {
            return Arc::clone(permits);
        }
        let mut by_endpoint = self.by_endpoint.write();
        let permits = by_endpoint
            .entry(Arc::clone(endpoint))
            .or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_do_not_take_from_one_another() {
        let permits = Permits::new(1);
        let (one, other) = ("one".into(), "other".into());
        let taken = permits.of(&one).try_acquire_owned();
        assert!(taken.is_ok());
        assert!(permits.of(&one).try_acquire_owned().is_err());
        assert!(permits.of(&other).try_acquire_owned().is_ok());
    }
}
