//! Changing the running server: a plugin, or the config. All of it or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::App;
use crate::close_code;
use crate::config::{Config, ConfigErrors};
use crate::endpoint::{Chain, Endpoint};
use crate::plugin::{Candidate, Changes, Generation, LoadError, RegistryError};
use crate::plugin_config;
use crate::routes::Routes;

/// Where a plugin's new code comes from.
pub enum Origin {
    /// The file in the plugins folder.
    File,
    /// An upload, which becomes the file once it has loaded.
    Upload(Vec<u8>),
}

/// Why a reload was not carried out. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Plugin(#[from] RegistryError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// The plugins of an endpoint do not go together.
    #[error("endpoint `{endpoint}`: {problem}")]
    Chain { endpoint: String, problem: String },
    #[error("{0:#}")]
    Endpoint(anyhow::Error),
}

/// What a config reload did.
pub struct Outcome {
    /// Keys that only a restart applies; if there are any, nothing was applied.
    pub restart_needed: Vec<String>,
    /// The endpoints now served.
    pub endpoints: Vec<String>,
}

/// Loads a plugin anew and puts it in the place of the old generation everywhere.
pub async fn plugin(
    app: &App,
    name: &str,
    origin: Origin,
) -> Result<(Arc<Generation>, Changes), ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    let candidate = match origin {
        Origin::File => app.plugins.candidate_from_file(name).await?,
        Origin::Upload(bytes) => app.plugins.candidate_from_upload(name, bytes).await?,
    };
    let routes = app.routes();
    let mut chains = Vec::new();
    for endpoint in routes.by_name.values() {
        let settings = endpoint.settings();
        if settings.plugins.iter().any(|used| used == name) {
            let chain = chain_of(app, &endpoint.name, &settings.plugins, &[&candidate])?;
            chains.push((endpoint, chain));
        }
    }
    let changes = candidate.changes();
    let generation = app.plugins.activate(candidate).await?;
    for (endpoint, chain) in chains {
        endpoint.chain.store(Arc::new(chain));
    }
    Ok((generation, changes))
}

/// Reads the config file again and applies what has changed.
pub async fn config(app: &App) -> Result<Outcome, ReloadError> {
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
    let references: Vec<_> = candidates.iter().collect();

    // Everything that can fail comes first …
    let mut endpoints = BTreeMap::new();
    let mut chains = Vec::new();
    for (name, settings) in &new.endpoints {
        let chain = chain_of(app, name, &settings.plugins, &references)?;
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

    // … and from here on nothing does.
    for candidate in candidates {
        app.plugins.activate(candidate).await?;
    }
    for (endpoint, settings, chain) in chains {
        endpoint.chain.store(Arc::new(chain));
        endpoint.settings.store(Arc::new(settings));
    }
    let endpoints = serving(&new_routes);
    app.replace(new, new_routes);
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
            candidates.push(
                app.plugins
                    .candidate(&name, after.get(&name).cloned())
                    .await?,
            );
        }
    }
    Ok(candidates)
}

/// An endpoint's plugins as they would be with the candidates.
fn chain_of(
    app: &App,
    endpoint: &str,
    plugins: &[String],
    candidates: &[&Candidate],
) -> Result<Chain, ReloadError> {
    let problem = |problem: String| ReloadError::Chain {
        endpoint: endpoint.to_owned(),
        problem,
    };
    let generations = plugins.iter().map(|name| {
        let candidate = candidates
            .iter()
            .map(|one| one.generation())
            .find(|one| **one.name() == **name);
        let generation = candidate
            .cloned()
            .or_else(|| app.plugins.handle(name)?.current());
        generation.ok_or_else(|| problem(format!("plugin `{name}` is not loaded")))
    });
    let generations = generations.collect::<Result<Vec<_>, _>>()?;
    Chain::new(generations).map_err(problem)
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
