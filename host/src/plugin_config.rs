//! What the config says of plugins, in the plugin host's own terms.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::plugin::{Limits, PluginSettings};

/// The settings of every plugin that has a table or is used.
pub fn all(config: &Config) -> BTreeMap<String, PluginSettings> {
    let named = config.plugins.by_name.keys();
    let used = config
        .endpoints
        .values()
        .flat_map(|endpoint| &endpoint.plugins);
    named
        .chain(used)
        .map(|name| (name.clone(), settings(config, name)))
        .collect()
}

/// The names of the plugins that endpoints use, each once.
pub fn used(config: &Config) -> Vec<String> {
    let names = config
        .endpoints
        .values()
        .flat_map(|endpoint| endpoint.plugins.iter().cloned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn settings(config: &Config, name: &str) -> PluginSettings {
    let plugin = config.plugins.of(name);
    let limits = plugin.limits;
    PluginSettings {
        config: plugin.config,
        grants: plugin.grants,
        limits: Limits {
            hook: limits.hook,
            init: limits.init,
            wall: limits.wall,
            memory: limits.memory,
            tables: limits.tables,
            output: limits
                .output
                .unwrap_or_else(|| largest_message(config, name)),
            instances: limits.instances as usize,
            component: limits.component,
            compile_time: limits.compile_time,
            compile_memory: limits.compile_memory,
            calls_per_instance: limits.calls_per_instance,
            log_line: limits.log_line,
            log_rate: limits.log_rate,
        },
        isolation: plugin.isolation,
    }
}

/// What the host (id, user, timestamp) and a plugin may add to a message.
const ROOM: usize = 4 << 10;

/// What a hook returns is at most as large as a message of the endpoints that use it,
/// and some.
fn largest_message(config: &Config, name: &str) -> usize {
    let users = config
        .endpoints
        .values()
        .filter(|endpoint| endpoint.plugins.iter().any(|p| p == name));
    users
        .map(|endpoint| endpoint.message_limit)
        .max()
        .map_or(Limits::default().output, |limit| limit + ROOM)
}
