//! Watching a new generation after its swap, and going back by itself when too many of its
//! calls fail.

use std::sync::{Arc, Weak};

use super::chains::{chains_with, refresh, store};
use super::plugin::swap;
use super::{ReloadError, quarantine, rollback};
use crate::app::App;
use crate::plugin::{Failing, FileRestored, Generation, ProbationRule, ProbationState, Serving};

/// Watches a generation, if it is on probation. True if so.
pub fn begin(app: &Arc<App>, generation: &Arc<Generation>, rule: ProbationRule) -> bool {
    if app.plugins.failing(generation).is_none() {
        return false;
    }
    let trial = generation.trial().clone();
    // A generation that is replaced must go, watched or not.
    let (app, generation) = (app.clone(), Arc::downgrade(generation));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = trial.failed() => return failed(&app, &generation).await,
                () = tokio::time::sleep(rule.time) => {}
            }
            let totals = generation.upgrade().map(|one| one.totals());
            // Failures, but too few calls to tell: it goes on.
            let unclear = totals.is_some_and(|one| one.errors > 0 && one.calls < rule.calls);
            if !unclear {
                return passed(&app, &generation).await;
            }
        }
    });
    true
}

async fn passed(app: &App, generation: &Weak<Generation>) {
    let _one_at_a_time = app.changing.lock().await;
    let Some(generation) = generation.upgrade() else {
        return;
    };
    if let Some(running) = app.plugins.failing(&generation) {
        running.end(ProbationState::Passed);
        refresh(app, generation.name());
        tracing::info!(
            plugin = %generation.name(), version = %generation.version(),
            generation = generation.number(), "probation passed"
        );
    }
}

async fn failed(app: &Arc<App>, generation: &Weak<Generation>) {
    let _one_at_a_time = app.changing.lock().await;
    let Some(generation) = generation.upgrade() else {
        return;
    };
    // Replaced meanwhile: its faults are nobody's any more.
    let Some(failing) = app.plugins.failing(&generation) else {
        return;
    };
    let totals = generation.totals();
    let reason = format!(
        "{} of its {} calls failed during probation",
        totals.errors, totals.calls
    );
    let gone_back = match &failing.previous {
        Some(previous) => go_back(app, &generation, previous, &failing, &reason).await,
        None => Err("there is no generation to go back to".to_owned()),
    };
    if let Err(problem) = gone_back {
        failing.end(ProbationState::Failed);
        let reason = format!("{reason}, and {problem}");
        if let Err(error) = quarantine::begin(app, generation.name(), &reason).await {
            tracing::error!(plugin = %generation.name(), "{reason}: {error}");
        }
    }
}

/// Puts the generation before in force again.
async fn go_back(
    app: &Arc<App>,
    failed: &Arc<Generation>,
    previous: &Arc<Generation>,
    failing: &Failing,
    reason: &str,
) -> Result<(), String> {
    let name = failed.name();
    let file = if previous.settings() == failed.settings() {
        let serving = Serving {
            generation: previous.clone(),
            fallback: None,
            quarantined: false,
        };
        let unfit = |error: ReloadError| format!("the one before does not fit any more: {error}");
        let chains = chains_with(app, &serving).map_err(unfit)?;
        app.plugins.put_back(failing, previous, reason);
        // Before anything waits for the disk: no more messages for the failed one.
        store(chains);
        app.plugins.restore_file(failed, previous, reason).await
    } else {
        // Its settings are not those of the config any more.
        let digest = previous.digest().clone();
        let unfit = |error: ReloadError| format!("the one before does not load any more: {error}");
        let candidate = app
            .plugins
            .candidate_from_archive(name, Some(&*digest), reason)
            .await
            .map_err(|error| unfit(error.into()))?;
        swap(app, candidate).await.map_err(unfit)?;
        FileRestored::Yes
    };
    rollback::count(name, "probation");
    let now = app.plugins.handle(name).and_then(|one| one.current());
    tracing::error!(
        plugin = %name, version = %failed.version(), generation = failed.number(),
        "rolled back to generation {}: {reason}",
        now.map_or(0, |now| now.number())
    );
    tell_file(name, &file);
    Ok(())
}

/// What becomes of the file is what the next start loads.
fn tell_file(name: &str, file: &FileRestored) {
    match file {
        FileRestored::Yes => {}
        FileRestored::NotOurs => tracing::warn!(
            "the file of plugin `{name}` was changed or removed meanwhile, so it was left as it \
             is; the generation that was rolled back to serves until a reload or a restart"
        ),
        FileRestored::Failed(error) => tracing::error!(
            "the file of plugin `{name}` is still the one that failed ({error}): put another \
             there, or the next restart loads it again"
        ),
    }
}
