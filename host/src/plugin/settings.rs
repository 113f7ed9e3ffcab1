//! What the operator says about one plugin. The config reads it from `[plugins.NAME]`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::grant::Grant;

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

/// What one plugin may use up. Exceeding any of them ends the call, never the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Time a hook may run, waiting in host functions and for a worker not included.
    pub hook: Duration,
    /// Time instantiation and `describe` may run, counted likewise.
    pub init: Duration,
    /// Time from a call's start to its end, everything included.
    pub wall: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Elements of all tables of one instance.
    pub tables: usize,
    /// Bytes of JSON a hook may return, and of one message it sends.
    pub output: usize,
    /// Instances of one generation, and with it calls that run at the same time.
    pub instances: usize,
    /// Bytes of the file.
    pub component: usize,
    /// Time that compiling the component may take.
    pub compile_time: Duration,
    /// Bytes of memory that compiling may take.
    pub compile_memory: usize,
    /// Calls after which an instance is replaced, so that a slow leak in a guest never
    /// reaches its memory limit.
    pub calls_per_instance: u32,
    /// Bytes of one log line; the rest is cut.
    pub log_line: usize,
    /// Log lines per second, all instances of a generation together.
    pub log_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hook: Duration::from_millis(50),
            init: Duration::from_millis(500),
            wall: Duration::from_secs(1),
            memory: 32 << 20,
            tables: 10_000,
            output: 64 << 10,
            instances: 32,
            component: 8 << 20,
            compile_time: Duration::from_secs(20),
            compile_memory: 1 << 30,
            calls_per_instance: 10_000,
            log_line: 1 << 10,
            log_rate: 100,
        }
    }
}
