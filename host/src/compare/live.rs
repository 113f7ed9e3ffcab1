//! A comparison beside live traffic: calls are mirrored after they were made, through a queue
//! that never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::CompareError;
use super::tally::{Tally, Verdict, Who};
use crate::app::App;
use crate::effects::Effects;
use crate::plugin::{
    CallContext, Generation, HookError, Mirrored, Output, Rehearsal, Shadow, Wanted, Watch,
    shown_effects,
};

/// Calls that wait for the candidate.
const QUEUE: usize = 256;

/// Compares over the next calls of the plugin.
pub async fn run(
    app: &App,
    name: &str,
    candidate: &Generation,
    calls: u64,
    wait: Duration,
) -> Result<Tally, CompareError> {
    let (sender, mut queue) = mpsc::channel(QUEUE);
    let shadow = Arc::new(Shadow {
        calls: sender,
        left: AtomicU64::new(calls),
        dropped: AtomicU64::new(0),
    });
    let watch = app.plugins.watch(name);
    let watch = watch.ok_or_else(|| CompareError::NoCurrent(name.to_owned()))?;
    if !watch.begin_shadow(&shadow) {
        return Err(CompareError::Running(name.to_owned()));
    }
    let _end = End(watch);
    let end = Instant::now() + wait;
    let mut tally = Tally::default();
    while tally.compared + shadow.dropped.load(Ordering::Relaxed) < calls {
        let Ok(Some(mirrored)) = timeout_at(end, queue.recv()).await else {
            tally.cut = true;
            break;
        };
        compare(candidate, mirrored, &mut tally)
            .with_subscriber(NoSubscriber::default())
            .await;
    }
    tally.dropped = shadow.dropped.load(Ordering::Relaxed);
    Ok(tally)
}

/// Ends the mirroring, however the comparison ends.
struct End(Arc<Watch>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end_shadow();
    }
}

async fn compare(candidate: &Generation, mirrored: Mirrored, tally: &mut Tally) {
    let hook = mirrored.input.hook();
    tally.took(hook, Who::Current, mirrored.took);
    let current = verdict(&mirrored.outcome, mirrored.effects);
    let rehearsal = Arc::new(Rehearsal::with(mirrored.given.notes));
    let cx = CallContext {
        rehearsal: Some(Arc::clone(&rehearsal)),
        ..mirrored.cx
    };
    let mut effects = Effects::default();
    let outcome = candidate.run(&cx, &mirrored.input, &mut effects).await;
    for (_, hook, took) in rehearsal.calls() {
        tally.took(hook, Who::Candidate, took);
    }
    let effects = shown_effects(&effects, cx.connection, &*cx.surroundings);
    let what = || json!({"hook": hook, "input": format!("{:?}", mirrored.input)});
    tally.add(what, &current, &verdict(&outcome, effects));
}

fn verdict(outcome: &Result<Output, HookError>, mut effects: Vec<Value>) -> Verdict {
    if let Err(error) = outcome
        && !matches!(error, HookError::Rejected(_))
    {
        return Verdict::Failed(error.to_string());
    }
    let shown = Wanted::of(outcome).map(|wanted| wanted.shown());
    match shown {
        Some(("reject" | "refuse", value)) => Verdict::Rejected(value),
        shown => {
            effects.iter_mut().for_each(super::past::forget_ids);
            Verdict::Accepted {
                output: shown.map_or(Value::Null, |(key, value)| json!({ key: value })),
                effects,
            }
        }
    }
}
