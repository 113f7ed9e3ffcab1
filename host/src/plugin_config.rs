//! What the config says of plugins, in the plugin host's own terms.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::plugin::PluginSettings;

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
    let message = largest_message(config, name);
    PluginSettings {
        config: plugin.config,
        grants: plugin.grants,
        limits: plugin.limits.with_messages(message, &config.engine.caps),
        isolation: plugin.isolation,
    }
}

/// What the host (id, user, timestamp) and a plugin may add to a message.
const ROOM: usize = 4 << 10;

/// What a hook returns is at most as large as a message of the endpoints that use it,
/// and some.
fn largest_message(config: &Config, name: &str) -> Option<usize> {
    let users = config
        .endpoints
        .values()
        .filter(|endpoint| endpoint.plugins.iter().any(|p| p == name));
    users
        .map(|endpoint| endpoint.message_limit)
        .max()
        .map(|limit| limit + ROOM)
}
