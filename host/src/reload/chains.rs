//! The chains of endpoints, as plugins change.

use std::sync::Arc;

use super::ReloadError;
use crate::app::App;
use crate::connection::queue;
use crate::endpoint::{Chain, Endpoint};
use crate::plugin::Serving;

/// An endpoint's plugins as they would be with these changes.
pub fn chain_of(
    app: &App,
    endpoint: &str,
    plugins: &[String],
    changed: &[Serving],
) -> Result<Chain, ReloadError> {
    let problem = |problem: String| ReloadError::Chain {
        endpoint: endpoint.to_owned(),
        problem,
    };
    let serving = plugins.iter().map(|name| {
        let changed = changed.iter().find(|one| **one.generation.name() == **name);
        let serving = changed
            .cloned()
            .or_else(|| app.plugins.handle(name)?.serving());
        serving.ok_or_else(|| problem(format!("plugin `{name}` is not loaded")))
    });
    let serving = serving.collect::<Result<Vec<_>, _>>()?;
    Chain::new(&serving).map_err(problem)
}

/// New chains of all endpoints that use a plugin, as they would be with it.
pub fn chains_with(
    app: &App,
    plugin: &Serving,
) -> Result<Vec<(Arc<Endpoint>, Chain)>, ReloadError> {
    let name = &**plugin.generation.name();
    let routes = app.routes();
    let mut chains = Vec::new();
    for endpoint in routes.by_name.values() {
        let settings = endpoint.settings();
        if settings.plugins.iter().any(|used| used == name) {
            let changed = std::slice::from_ref(plugin);
            let chain = chain_of(app, &endpoint.name, &settings.plugins, changed)?;
            chains.push((endpoint.clone(), chain));
        }
    }
    Ok(chains)
}

/// Puts chains in force.
pub fn store(chains: Vec<(Arc<Endpoint>, Chain)>) {
    for (endpoint, chain) in chains {
        queue::exchange(&endpoint, chain);
    }
}

/// Builds the chains anew after a plugin's standing has changed.
pub fn refresh(app: &App, plugin: &str) {
    let serving = app.plugins.handle(plugin).and_then(|one| one.serving());
    let Some(serving) = serving else { return };
    match chains_with(app, &serving) {
        Ok(chains) => store(chains),
        // The same plugins went together before.
        Err(error) => {
            tracing::error!("the endpoints of plugin `{plugin}` stay as they are: {error}")
        }
    }
}
