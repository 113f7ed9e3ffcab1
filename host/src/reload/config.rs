//! Applying a changed config to the running server.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chains::chain_of;
use super::{Outcome, ReloadError, probation};
use crate::app::App;
use crate::auth::Sources;
use crate::close_code;
use crate::config::Config;
use crate::connection::queue;
use crate::endpoint::Endpoint;
use crate::plugin::{Candidate, LoadError};
use crate::plugin_config;
use crate::routes::Routes;

/// Reads the config file again and applies what has changed.
pub async fn config(app: &Arc<App>) -> Result<Outcome, ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    let old = app.config();
    let new = Config::load(old.file())?;
    let routes = app.routes();
    let serving = |routes: &Routes| routes.by_name.keys().cloned().collect();
    let retired = app.retired.lock().clone();
    let mut restart_needed = old.changes_that_need_restart(&new);
    restart_needed.extend(changes_of_retired(&retired, &new));
    if !restart_needed.is_empty() {
        return Ok(Outcome {
            restart_needed,
            endpoints: serving(&routes),
        });
    }
    let candidates = changed_plugins(app, &old, &new).await?;
    let changed: Vec<_> = candidates.iter().map(Candidate::serving).collect();

    // Everything that can fail comes first …
    let mut endpoints = BTreeMap::new();
    let mut chains = Vec::new();
    for (name, settings) in &new.endpoints {
        let chain = chain_of(app, name, &settings.plugins, &changed)?;
        let known = routes.by_name.get(name).or_else(|| retired.get(name));
        let endpoint = match known {
            Some(endpoint) => {
                chains.push((endpoint.clone(), settings.clone(), chain));
                endpoint.clone()
            }
            None => app
                .open_endpoint(name, settings, chain)
                .await
                .map_err(ReloadError::Endpoint)?,
        };
        endpoints.insert(name.clone(), endpoint);
    }
    let new_routes = Routes::new(endpoints, &new).map_err(ReloadError::Endpoint)?;
    let mut auth = Sources::read(&new).map_err(ReloadError::Endpoint)?;
    auth.connect(&new, Some(&app.auth))
        .map_err(ReloadError::Endpoint)?;

    // … and from here on nothing does.
    for candidate in candidates {
        let name = candidate.generation().name().clone();
        let generation = app.plugins.activate(candidate).await?.generation;
        probation::begin(app, &generation, new.plugins.of(&name).probation);
    }
    for (endpoint, settings, chain) in chains {
        queue::exchange(&endpoint, chain);
        endpoint.follow(settings);
    }
    let endpoints = serving(&new_routes);
    app.replace(new, new_routes, auth);
    retire(app, &routes);
    tracing::info!("the config was reloaded");
    Ok(Outcome {
        restart_needed,
        endpoints,
    })
}

/// Candidates for the plugins whose settings changed and for those that are new, in the
/// order of their names.
async fn changed_plugins(
    app: &App,
    old: &Config,
    new: &Config,
) -> Result<Vec<Candidate>, LoadError> {
    let (before, after) = (plugin_config::all(old), plugin_config::all(new));
    let mut candidates = Vec::new();
    for name in plugin_config::used(new) {
        let loaded = app
            .plugins
            .handle(&name)
            .is_some_and(|handle| handle.current().is_some());
        if !loaded || before.get(&name) != after.get(&name) {
            let settings = after.get(&name).cloned();
            let mut candidate = app.plugins.candidate(&name, settings).await?;
            candidate.on_probation(new.plugins.of(&name).probation);
            candidates.push(candidate);
        }
    }
    Ok(candidates)
}

/// What an endpoint that comes back has changed, and only a restart applies.
fn changes_of_retired(retired: &BTreeMap<String, Arc<Endpoint>>, new: &Config) -> Vec<String> {
    let back = new.endpoints.iter().filter_map(|(name, settings)| {
        let keys = retired.get(name)?.settings();
        let keys: Vec<_> = keys.changes_that_need_restart(settings).collect();
        Some(
            keys.into_iter()
                .map(move |key| format!("endpoints.{name}.{key}")),
        )
    });
    back.flatten().collect()
}

/// Ends the connections of endpoints that are served no more.
fn retire(app: &App, before: &Routes) {
    let now = app.routes();
    let mut retired = app.retired.lock();
    retired.retain(|name, _| !now.by_name.contains_key(name));
    for (name, endpoint) in &before.by_name {
        if !now.by_name.contains_key(name) {
            close_all(endpoint);
            retired.insert(name.clone(), endpoint.clone());
        }
    }
}

fn close_all(endpoint: &Endpoint) {
    let code = close_code::ENDPOINT_REMOVED;
    for connection in endpoint.connections.read().values() {
        connection.outbox.close(code.code, code.reason);
    }
}
