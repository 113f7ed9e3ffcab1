//! Which endpoint a path belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};

use crate::config::Config;
use crate::endpoint::Endpoint;

/// An endpoint and what its path's parameters are: `room` for `/ws/{room}`.
pub struct Found {
    pub endpoint: Arc<Endpoint>,
    pub parameters: Vec<(String, String)>,
}

/// All endpoints of one config.
#[derive(Default)]
pub struct Routes {
    by_path: matchit::Router<Arc<Endpoint>>,
    pub by_name: BTreeMap<String, Arc<Endpoint>>,
}

impl Routes {
    /// # Errors
    /// Two endpoints whose paths collide.
    pub fn new(by_name: BTreeMap<String, Arc<Endpoint>>, config: &Config) -> Result<Self> {
        let mut by_path = matchit::Router::new();
        for (name, endpoint) in &by_name {
            let Some(settings) = config.endpoints.get(name) else {
                continue;
            };
            let path = &settings.path;
            by_path
                .insert(path.as_str(), endpoint.clone())
                .with_context(|| format!("path `{path}` of endpoint `{name}`"))?;
        }
        Ok(Self { by_path, by_name })
    }

    /// The endpoint of a path.
    pub fn find(&self, path: &str) -> Option<Found> {
        let found = self.by_path.at(path).ok()?;
        let parameters = found
            .params
            .iter()
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        Some(Found {
            endpoint: found.value.clone(),
            parameters,
        })
    }
}

/// Undoes percent encoding; text that is not UTF-8 afterwards is left as it came.
fn decoded(value: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned)
}
