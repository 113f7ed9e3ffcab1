//! Endpoints by name, for messages that go from one to another.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::endpoint::Endpoint;

/// Known to every endpoint. Holds them weakly: it must not keep alive what a config
/// reload has taken out.
#[derive(Default)]
pub struct Directory(RwLock<BTreeMap<String, Weak<Endpoint>>>);

impl Directory {
    /// Exchanges all entries.
    pub fn replace(&self, endpoints: &BTreeMap<String, Arc<Endpoint>>) {
        let entries = endpoints.iter();
        *self.0.write() = entries
            .map(|(name, endpoint)| (name.clone(), Arc::downgrade(endpoint)))
            .collect();
    }

    pub fn find(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.0.read().get(name)?.upgrade()
    }

    /// Whether there is a connection at any other endpoint.
    pub fn others_are_connected(&self, name: &str) -> bool {
        self.0.read().iter().any(|(other, endpoint)| {
            let connected = |endpoint: Arc<Endpoint>| !endpoint.connections.read().is_empty();
            other != name && endpoint.upgrade().is_some_and(connected)
        })
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        self.0.read().keys().cloned().collect()
    }
}
