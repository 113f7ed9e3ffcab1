//! Waiting: always for something observable, never for ever.

use std::time::{Duration, Instant};

/// Longer than anything takes on a loaded machine, compiling a plugin in Python included.
/// Only failing tests wait this long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at a condition that can't be awaited.
const TICK: Duration = Duration::from_millis(5);

/// Awaits `work`.
///
/// # Panics
/// When it takes too long; says what was waited for.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(TICK).await;
    }
}
