//! Exchanging one plugin.

use std::sync::Arc;
use std::time::Instant;

use super::chains::{chains_with, store};
use super::{Origin, ReloadError, probation};
use crate::app::App;
use crate::plugin::{Candidate, Changes, Generation, Step};

/// What an exchange did, or would do.
pub struct Exchange {
    pub generation: Arc<Generation>,
    pub changes: Changes,
    /// What each step took, in microseconds.
    pub steps: Vec<(Step, u64)>,
    /// A probation has begun.
    pub probation: bool,
    /// Nothing was exchanged.
    pub dry_run: bool,
}

/// Loads a plugin anew and puts it in the place of the old generation everywhere.
pub async fn plugin(app: &Arc<App>, name: &str, origin: Origin) -> Result<Exchange, ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    let mut candidate = match origin {
        Origin::File => app.plugins.candidate_from_file(name).await?,
        Origin::Upload(bytes) => app.plugins.candidate_from_upload(name, bytes).await?,
    };
    candidate.on_probation(app.config().plugins.of(name).probation);
    swap(app, candidate).await
}

/// Does all of it but the exchange.
pub async fn try_out(app: &Arc<App>, name: &str, bytes: Vec<u8>) -> Result<Exchange, ReloadError> {
    let _one_at_a_time = app.changing.lock().await;
    let mut candidate = app.plugins.candidate_to_try(name, bytes).await?;
    let probation = candidate.on_probation(app.config().plugins.of(name).probation);
    let began = Instant::now();
    chains_with(app, &candidate.serving())?;
    let mut steps = candidate.steps();
    steps.push((Step::Fit, micros(began)));
    Ok(Exchange {
        generation: candidate.generation().clone(),
        changes: candidate.changes(),
        steps,
        probation,
        dry_run: true,
    })
}

/// Puts a candidate in force, if it goes together with the plugins beside it.
pub(super) async fn swap(app: &Arc<App>, candidate: Candidate) -> Result<Exchange, ReloadError> {
    let began = Instant::now();
    let chains = chains_with(app, &candidate.serving())?;
    let mut steps = candidate.steps();
    steps.push((Step::Fit, micros(began)));
    let changes = candidate.changes();
    let activated = app.plugins.activate(candidate).await?;
    store(chains);
    steps.extend(activated.steps);
    let generation = activated.generation;
    let rule = app.config().plugins.of(generation.name()).probation;
    let probation = probation::begin(app, &generation, rule);
    Ok(Exchange {
        generation,
        changes,
        steps,
        probation,
        dry_run: false,
    })
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
