//! What becomes known of a call: it is counted, and recorded if it failed or somebody
//! asked for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{CallContext, Input, Output};
use crate::plugin::error::HookError;
use crate::plugin::fixture::{Fixture, Given};
use crate::plugin::generation::Generation;
use crate::plugin::hook::Hook;
use crate::plugin::recorder::{Mirrored, Watch};
use crate::plugin::statistics::{Kind, Spent};

impl Generation {
    pub(super) fn count(&self, hook: Hook, spent: &Spent, outcome: &Result<Output, HookError>) {
        match outcome {
            Ok(output) => self.statistics.returned(hook, spent, output),
            Err(error) => {
                self.statistics.failed(hook, spent, error);
                self.pool.log().host_says(&error.to_string());
            }
        }
    }

    /// Has a call recorded, if it failed or somebody asked for it.
    #[expect(
        clippy::too_many_arguments,
        reason = "all there is to know of one call"
    )]
    pub(super) fn tell(
        &self,
        watch: &Watch,
        cx: &CallContext,
        input: &Input,
        given: Given,
        outcome: &mut Result<Output, HookError>,
        took: Duration,
        effects: impl FnOnce() -> Vec<Value>,
    ) {
        if watch.is_active() {
            let effects = effects();
            if watch.takes(&cx.endpoint) {
                let (given, effects) = (given.clone(), effects.clone());
                let effects = outcome.is_ok().then_some(effects);
                let fixture = Fixture::of(self, cx, input.clone(), given, outcome, effects);
                watch.recorded(fixture);
            }
            if let Some(shadow) = watch.shadow() {
                shadow.take(|| Mirrored {
                    cx: cx.clone(),
                    input: input.clone(),
                    given: given.clone(),
                    outcome: outcome.clone(),
                    effects,
                    took,
                });
            }
        }
        match outcome {
            Ok(_) => cx.trail.output(given),
            Err(error) => {
                let recorded = self.keep_failure(watch, cx, input.clone(), given, error);
                error.recorded(recorded);
            }
        }
    }

    fn keep_failure(
        &self,
        watch: &Watch,
        cx: &CallContext,
        input: Input,
        given: Given,
        error: &HookError,
    ) -> Option<Arc<str>> {
        if !watch.takes_failure(Instant::now()) {
            return None;
        }
        let outcome = Err(error.clone());
        watch.failed(Fixture::of(self, cx, input, given, &outcome, None))
    }

    /// The error for output of a hook that turned out unusable after it had returned,
    /// such as text that is no JSON object. Counted and kept as the plugin's failure.
    pub fn bad_output(
        &self,
        cx: &CallContext,
        hook: Hook,
        problem: impl Into<String>,
    ) -> HookError {
        let mut error = HookError::BadOutput {
            place: Box::new(self.pool.place(hook)),
            limit: None,
            problem: problem.into(),
        }
        .by(cx.cause());
        if let Some(rehearsal) = &cx.rehearsal {
            rehearsal.failed(&error);
            return error;
        }
        self.statistics.lost(hook, Kind::Output);
        self.failed();
        if let (Some(watch), Some((input, given))) = (&self.watch, cx.trail.take()) {
            let recorded = self.keep_failure(watch, cx, input, given, &error);
            error.recorded(recorded);
        }
        error
    }
}
