//! What the operator says about one plugin. The config reads it from `[plugins.NAME]`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grant::Grant;
use super::limits::Limits;

/// Settings of one plugin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PluginSettings {
    /// What `wasi:config` answers.
    pub config: BTreeMap<String, String>,
    /// What the plugin may do beyond messaging, groups, config and logging on its own
    /// endpoint.
    pub grants: Vec<Grant>,
    pub limits: Limits,
    pub isolation: Isolation,
}

impl PluginSettings {
    pub fn granted(&self, grant: &Grant) -> bool {
        self.grants.contains(grant)
    }

    /// Whether requests to any host are granted.
    pub fn grants_http(&self) -> bool {
        self.grants
            .iter()
            .any(|grant| matches!(grant, Grant::Http(_)))
    }
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// An instance serves one call after the other, up to `limits.calls_per_instance`.
    #[default]
    Warm,
    /// Each call gets an instance of its own: nothing survives a call in guest memory,
    /// at the price of an instantiation and a `describe` for each.
    PerCall,
}
