//! What a reload can't change.

use super::{Config, EndpointConfig};

impl Config {
    /// The keys whose change `new` brings and that only a restart applies, sorted as in
    /// the reference. Empty: `new` can be applied to the running server.
    pub fn changes_that_need_restart(&self, new: &Config) -> Vec<String> {
        let differs = [
            ("server.listen", self.server.listen != new.server.listen),
            (
                "server.endpoint_share",
                self.server.endpoint_share != new.server.endpoint_share,
            ),
            ("admin.listen", self.admin.listen != new.admin.listen),
            ("storage.url", self.storage.url != new.storage.url),
            (
                "storage.group_limit",
                self.storage.group_limit != new.storage.group_limit,
            ),
            (
                "engine.instances",
                self.engine.instances != new.engine.instances,
            ),
            ("engine.stack", self.engine.stack != new.engine.stack),
            ("engine.cache", self.engine.cache != new.engine.cache),
            (
                "engine.http_roots",
                self.engine.http_roots != new.engine.http_roots,
            ),
            ("plugins.dir", self.plugins.dir != new.plugins.dir),
            (
                "plugins.archive",
                self.plugins.archive != new.plugins.archive,
            ),
            ("plugins.keep", self.plugins.keep != new.plugins.keep),
            ("plugins.watch", self.plugins.watch != new.plugins.watch),
            (
                "plugins.failures",
                self.plugins.failures != new.plugins.failures,
            ),
        ];
        let mut keys: Vec<String> = differs
            .into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(key, _)| key.to_owned())
            .collect();
        for (name, old) in &self.endpoints {
            // A removed endpoint is closed and a new one opened without a restart.
            if let Some(new) = new.endpoints.get(name) {
                let changed = fixed_keys(old, new);
                keys.extend(changed.map(|key| format!("endpoints.{name}.{key}")));
            }
        }
        keys
    }
}

impl EndpointConfig {
    /// The same for one endpoint.
    pub fn changes_that_need_restart(&self, new: &Self) -> impl Iterator<Item = &'static str> {
        fixed_keys(self, new)
    }
}

/// Keys of an endpoint that its log, its table or its open connections are bound to.
fn fixed_keys(old: &EndpointConfig, new: &EndpointConfig) -> impl Iterator<Item = &'static str> {
    let name = |endpoint: &EndpointConfig| endpoint.table.as_ref().map(|t| t.name.clone());
    let columns = |endpoint: &EndpointConfig| endpoint.table.as_ref().map(|t| t.columns.clone());
    [
        // Open connections speak the old one.
        ("dialect", old.dialect != new.dialect),
        ("table", name(old) != name(new)),
        // Columns are created at start.
        ("columns", columns(old) != columns(new)),
        ("durability", old.durability != new.durability),
        ("ring", old.ring != new.ring),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(key, _)| key)
}
