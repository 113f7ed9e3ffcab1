//! Loading what the plugins folder has when the server starts.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::{Plugins, RegistryError, file};
use crate::plugin::generation::Generation;
use crate::plugin::load::LoadError;

/// Plugins of the folder that are loaded at the same time: enough that compilers and disk
/// have something to do while another is linked.
const LOADS: usize = 8;

impl Plugins {
    /// Loads every plugin of the folder, some at the same time; the answers are in the order
    /// of their names. Files that begin with a dot are uploads in progress and are left
    /// alone. A plugin that fails is in the answer and in [`Plugins::list`]; the others load.
    pub async fn load_folder(
        &self,
    ) -> Result<Vec<Result<Arc<Generation>, LoadError>>, RegistryError> {
        let names = file::names(&self.folder).map_err(|error| RegistryError::File {
            what: "read the plugins folder",
            path: self.folder.clone(),
            error,
        })?;
        let mut results = Vec::with_capacity(names.len());
        let loads = names.iter().map(|name| self.candidate(name, None));
        let mut loads = pin!(stream::iter(loads).buffered(LOADS));
        while let Some(loaded) = loads.next().await {
            results.push(match loaded {
                Ok(candidate) => Ok(self.activate_at_start(candidate).await?),
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }
}
