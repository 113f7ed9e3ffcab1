//! Comparisons: what a candidate would do, before it is swapped in.
//!
//! A candidate is compared with the generation that serves, over logged messages
//! (`past`) or beside live traffic (`live`). Both run on instances of their own, are
//! given the same time and random numbers, and nothing they want done is done.

mod live;
mod past;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::endpoint::Endpoint;
use crate::plugin::{Generation, RegistryError};

pub use tally::Tally;

/// Most messages or calls of one comparison.
pub const MOST: u64 = 10_000;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Over {
    /// The newest messages of an endpoint's log, this many.
    Last(u64),
    /// The next calls of live traffic, this many.
    Live(u64),
}

/// Why there was no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Plugin(#[from] RegistryError),
    #[error("plugin `{0}` does not serve, so there is nothing to compare with; upload it")]
    NoCurrent(String),
    #[error("plugin `{0}` is in quarantine and judges no messages; resume it first")]
    Quarantined(String),
    /// Which endpoint's messages is not clear.
    #[error("{0}")]
    Endpoint(String),
    #[error("a comparison of `{0}` on live traffic is running; try again when it is over")]
    Running(String),
    #[error("the log can't be read now: {0}")]
    Log(String),
}

/// Loads a candidate, from `bytes` or else from its file, and compares it with the
/// generation that serves. Ends after `wait` at the latest.
pub async fn run(
    app: &App,
    name: &str,
    bytes: Option<Vec<u8>>,
    over: Over,
    endpoint: Option<&str>,
    wait: Duration,
) -> Result<Value, CompareError> {
    let (candidate, changes) = app.plugins.load_to_compare(name, bytes).await?;
    let current = app.plugins.handle(name).and_then(|plugin| plugin.current());
    let current = current.ok_or_else(|| CompareError::NoCurrent(name.to_owned()))?;
    let mut shown = json!({
        "plugin": name,
        "candidate": described(&candidate),
        "current": described(&current),
        "changed": changes,
    });
    let candidate = Arc::new(candidate.twin());
    let tally = match over {
        Over::Last(last) => {
            let endpoint = user_of(app, name, endpoint)?;
            shown["endpoint"] = (*endpoint.name).into();
            past::run(&endpoint, &candidate, last, wait).await?
        }
        Over::Live(calls) => live::run(app, name, &candidate, calls, wait).await?,
    };
    if let (Value::Object(shown), Value::Object(tally)) = (&mut shown, tally.to_json()) {
        shown.extend(tally);
    }
    Ok(shown)
}

fn described(generation: &Generation) -> Value {
    let report = generation.report();
    let steps = report.steps.iter();
    let steps: Vec<_> = steps
        .map(|(step, micros)| json!({"step": step, "ms": *micros as f64 / 1_000.0}))
        .collect();
    json!({
        "generation": generation.number(),
        "version": &**generation.version(),
        "digest": &**generation.digest(),
        "cached": report.cached,
        "steps": steps,
    })
}

/// The endpoint whose messages are taken: the one named, or the only one that uses the
/// plugin.
fn user_of(app: &App, plugin: &str, endpoint: Option<&str>) -> Result<Arc<Endpoint>, CompareError> {
    let routes = app.routes();
    let uses = |endpoint: &&Arc<Endpoint>| {
        let settings = endpoint.settings();
        settings.plugins.iter().any(|used| used == plugin)
    };
    let users: Vec<_> = routes.by_name.values().filter(uses).collect();
    let names: Vec<_> = users.iter().map(|user| &*user.name).collect();
    let found = match endpoint {
        Some(name) => users.iter().find(|user| &*user.name == name),
        None if users.len() == 1 => users.first(),
        None => None,
    };
    let problem = || {
        CompareError::Endpoint(match names.as_slice() {
            [] => format!("no endpoint uses `{plugin}`, so there are no messages to try it on"),
            names => format!(
                "say whose messages: `endpoint=NAME` with one of {}",
                names.join(", ")
            ),
        })
    };
    found.map(|found| Arc::clone(found)).ok_or_else(problem)
}
