//! `hookcast:plugin/rows`: the endpoint's table. Each function checks its own grant,
//! because a component that was granted one of them can import them all.

use std::sync::Arc;

use futures_util::TryFutureExt as _;
use serde_json::{Map, Value};

use super::Answer;
use super::messaging::invalid;
use crate::effects::Effect;
use crate::plugin::bindings::hookcast::plugin::rows;
use crate::plugin::bindings::hookcast::plugin::types::Arg;
use crate::plugin::fixture::made_up_write;
use crate::plugin::grant::Grant;
use crate::plugin::state::State;
use crate::plugin::surroundings::{HostError, Surroundings};
use crate::row::RowWrite;

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
        let selected = around.select(filter, limit);
        Ok(self.tape.answered("rows.select", selected).await?)
    }

    async fn insert(&mut self, row: String) -> Answer<String> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = row.len();
        let made = around.insert(self.row(&row)?).map_ok(|(_, write)| write);
        let (shown, write) = self.write("rows.insert", &*around, made).await?;
        self.push(bytes, Effect::Write(write))?;
        Ok(shown["insert"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    async fn update(&mut self, row: String) -> Answer<()> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = row.len();
        let made = around.update(self.row(&row)?);
        let (_, write) = self.write("rows.update", &*around, made).await?;
        Ok(self.push(bytes, Effect::Write(write))?)
    }

    async fn delete(&mut self, id: String) -> Answer<()> {
        let around = self.table(&Grant::RowsWrite)?;
        let bytes = id.len();
        let made = around.delete(id);
        let (_, write) = self.write("rows.delete", &*around, made).await?;
        Ok(self.push(bytes, Effect::Write(write))?)
    }
}

impl State {
    fn table(&mut self, grant: &Grant) -> Result<Arc<dyn Surroundings>, HostError> {
        self.need(grant)?;
        Ok(Arc::clone(&self.active()?.surroundings))
    }

    /// Makes a write, or takes it from the tape, and notes it as JSON shows it.
    async fn write(
        &mut self,
        name: &'static str,
        around: &dyn Surroundings,
        make: impl Future<Output = Result<RowWrite, HostError>>,
    ) -> Result<(Value, RowWrite), HostError> {
        let shown = match self.tape.scripted::<Value>(name) {
            Some(shown) => shown.map(|shown| {
                let write = made_up_write(&shown);
                (shown, write)
            }),
            None => make.await.map(|write| (around.written(&write), write)),
        };
        let noted = shown.as_ref().map(|(shown, _)| shown);
        self.tape.note(name, noted);
        shown
    }

    fn row(&self, json: &str) -> Result<Map<String, Value>, HostError> {
        self.fits("row", json)?;
        serde_json::from_str(json)
            .map_err(|error| invalid(format!("the row is no JSON object: {error}")))
    }
}
