//! `hookcast:plugin/rows`: the endpoint's table. Each function checks its own grant,
//! because a component that was granted one of them can import them all.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Answer;
use super::messaging::invalid;
use crate::effects::Effect;
use crate::plugin::bindings::hookcast::plugin::rows;
use crate::plugin::bindings::hookcast::plugin::types::Arg;
use crate::plugin::grant::Grant;
use crate::plugin::state::State;
use crate::plugin::surroundings::{HostError, Surroundings};

/// Most rows that one `select` returns.
const ROWS: usize = 1_000;

impl rows::Host for State {
    async fn select(&mut self, filter: Vec<Arg>, limit: u32) -> Answer<Vec<String>> {
        let around = self.table(&Grant::RowsRead)?;
        let filter = filter
            .into_iter()
            .map(|arg| (arg.key, arg.values))
            .collect();
        let limit = usize::try_from(limit).unwrap_or(ROWS).min(ROWS);
        Ok(around.select(filter, limit).await?)
    }

    async fn insert(&mut self, row: String) -> Answer<String> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = row.len();
        let (id, write) = around.insert(self.row(&row)?).await?;
        self.push(bytes, Effect::Write(write))?;
        Ok(id)
    }

    async fn update(&mut self, row: String) -> Answer<()> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = row.len();
        let write = around.update(self.row(&row)?).await?;
        Ok(self.push(bytes, Effect::Write(write))?)
    }

    async fn delete(&mut self, id: String) -> Answer<()> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = id.len();
        let write = around.delete(id).await?;
        Ok(self.push(bytes, Effect::Write(write))?)
    }
}

impl State {
    fn table(&mut self, grant: &Grant) -> Result<Arc<dyn Surroundings>, HostError> {
        self.need(grant)?;
        Ok(Arc::clone(&self.active()?.surroundings))
    }

    fn row(&self, json: &str) -> Result<Map<String, Value>, HostError> {
        self.fits("row", json)?;
        serde_json::from_str(json)
            .map_err(|error| invalid(format!("the row is no JSON object: {error}")))
    }
}
