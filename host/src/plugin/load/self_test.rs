//! Runs the fixtures that a plugin exports. One that fails keeps it from serving.

use std::time::{Duration, Instant};

use crate::plugin::deadline::within;
use crate::plugin::error::HookError;
use crate::plugin::fixture::{self, Fixture};
use crate::plugin::generation::Generation;
use crate::plugin::hook::Hook;
use crate::plugin::log::printable;

/// Most fixtures of one plugin.
const FIXTURES: usize = 1_000;

/// Time that all of them may take.
const TIME: Duration = Duration::from_secs(10);

/// Runs what the plugin exports; a plugin without self-test passes. The error names the
/// first fixture that fails and how.
pub async fn run(generation: &Generation) -> Result<(), String> {
    let texts = fixtures(generation).await?;
    if texts.len() > FIXTURES {
        let count = texts.len();
        return Err(format!(
            "`self-test` has {count} fixtures; a plugin may have {FIXTURES}"
        ));
    }
    let began = Instant::now();
    for (at, text) in texts.iter().enumerate() {
        let number = at + 1;
        if began.elapsed() > TIME {
            return Err(format!(
                "its self-tests take longer than {TIME:?}; the {number}th was not run. Export \
                 fewer, and leave the others to `hookcast plugin test`"
            ));
        }
        let fixture = Fixture::read(text)
            .map_err(|error| format!("fixture {number} of `self-test` can't be read: {error}"))?;
        let name = fixture.name.as_deref().map(printable);
        let name = name.unwrap_or_else(|| format!("number {number}"));
        let Some(expect) = &fixture.expect else {
            return Err(format!(
                "self-test `{name}` has no `expect`; say what it expects"
            ));
        };
        let differences = fixture::run(generation, &fixture).await.differences(expect);
        if !differences.is_empty() {
            let differences: Vec<_> = differences.iter().map(|line| printable(line)).collect();
            return Err(format!(
                "self-test `{name}` (hook `{}`) fails: {}",
                fixture.input.hook(),
                differences.join("; ")
            ));
        }
    }
    Ok(())
}

/// Asks an instance for the fixtures.
async fn fixtures(generation: &Generation) -> Result<Vec<String>, String> {
    let pool = &generation.pool;
    if !pool.has_self_test() {
        return Ok(Vec::new());
    }
    let failed = |error: HookError| format!("`self-test` gives no fixtures: {error}");
    let made = pool.make(Hook::Describe).await;
    let (mut instance, _) = made.map_err(failed)?;
    let Some(self_test) = instance.guest.self_test.take() else {
        return Ok(Vec::new());
    };
    let limits = &pool.settings().limits;
    let store = &mut instance.store;
    store.set_epoch_deadline(1);
    let clock = store.data().clock.clone();
    let asked = self_test.call_fixtures(&mut *store);
    match within(&clock, limits.init, limits.wall, asked).await {
        Ok(Ok(texts)) => Ok(texts),
        Ok(Err(error)) => Err(failed(HookError::from_wasmtime(
            pool.place(Hook::Describe),
            &error,
            (limits.init, "limits.init"),
            store.data().captured.last_words(),
        ))),
        Err(_) => Err(failed(pool.wall_reached(Hook::Describe))),
    }
}
