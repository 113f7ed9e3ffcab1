//! What the operator says about one plugin: `[plugins.NAME]`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod units;

/// Settings of one plugin. Every key may be left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    pub fn granted(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }
}

/// A capability given by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grant {
    /// `rows.select` on the endpoint's table.
    #[serde(rename = "rows:read")]
    RowsRead,
    /// `rows.insert`, `rows.update` and `rows.delete` on the endpoint's table.
    #[serde(rename = "rows:write")]
    RowsWrite,
}

impl Grant {
    /// As written in the config.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RowsRead => "rows:read",
            Self::RowsWrite => "rows:write",
        }
    }
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time a hook may run, waiting in host functions and for a worker not included.
    #[serde(deserialize_with = "units::duration")]
    pub hook: Duration,
    /// Time instantiation and `describe` may run, counted likewise.
    #[serde(deserialize_with = "units::duration")]
    pub init: Duration,
    /// Time from a call's start to its end, everything included.
    #[serde(deserialize_with = "units::duration")]
    pub wall: Duration,
    /// Linear memory of one instance, in bytes.
    #[serde(deserialize_with = "units::size")]
    pub memory: usize,
    /// Elements of all tables of one instance.
    pub tables: usize,
    /// Bytes of JSON a hook may return, and of one message it sends.
    #[serde(deserialize_with = "units::size")]
    pub output: usize,
    /// Instances of one generation, and with it calls that run at the same time.
    pub instances: usize,
    /// Bytes of the file.
    #[serde(deserialize_with = "units::size")]
    pub component: usize,
    /// Calls after which an instance is replaced, so that a slow leak in a guest never
    /// reaches its memory limit.
    pub calls_per_instance: u32,
    /// Log lines per second, all instances of a generation together.
    pub log_lines: u32,
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
            calls_per_instance: 10_000,
            log_lines: 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_an_operator_writes_them() {
        let settings: PluginSettings = toml::from_str(
            r#"
            config = { words = "spam,eggs" }
            grants = ["rows:read"]
            isolation = "per-call"
            limits = { hook = "20ms", memory = "16 MiB", output = 1000 }
            "#,
        )
        .expect("valid settings");
        assert_eq!(settings.config["words"], "spam,eggs");
        assert!(settings.granted(Grant::RowsRead) && !settings.granted(Grant::RowsWrite));
        assert_eq!(settings.isolation, Isolation::PerCall);
        assert_eq!(settings.limits.hook, Duration::from_millis(20));
        assert_eq!(settings.limits.memory, 16 << 20);
        assert_eq!(settings.limits.output, 1000);
        assert_eq!(settings.limits.wall, Limits::default().wall);
    }

    #[test]
    fn unknown_keys_grants_and_units_are_refused() {
        for (text, names) in [
            ("grant = []", "grant"),
            ("grants = [\"rows\"]", "rows:read"),
            ("limits = { hook = \"50\" }", "50ms"),
            ("limits = { memory = \"1 elephant\" }", "MiB"),
        ] {
            let error = toml::from_str::<PluginSettings>(text)
                .expect_err(text)
                .to_string();
            assert!(error.contains(names), "{text}: {error}");
        }
    }
}
