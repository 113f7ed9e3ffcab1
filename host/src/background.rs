//! Threads of the lowest priority: where work goes that must not disturb anybody.
//!
//! On an idle machine they are as fast as any other. On a busy one the system runs them
//! with what the others leave over.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// The lowest priority there is for threads that still get a little time on a machine
/// that is always busy. Raising it again is not allowed to ordinary users, so threads are
/// made with it and keep it.
const NICE: i32 = 19;

/// The threads, made when they are first needed.
#[derive(Default)]
pub struct Background(OnceLock<Option<Runtime>>);

impl Background {
    /// Where to spawn; none when the system gives no threads for it.
    pub fn handle(&self) -> Option<&Handle> {
        let runtime = self.0.get_or_init(|| {
            let runtime = Builder::new_multi_thread()
                .thread_name("background")
                .on_thread_start(yield_to_others)
                .enable_all()
                .build();
            if let Err(error) = &runtime {
                tracing::error!(%error, "no threads for work in the background");
            }
            runtime.ok()
        });
        runtime.as_ref().map(Runtime::handle)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It is dropped in asynchronous code, which must not wait for the threads to end.
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// On Linux priorities are those of threads, and no process named means the one that asks.
fn yield_to_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "a thread for work in the background keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority() -> i32 {
        rustix::process::getpriority_process(None).expect("a priority")
    }

    #[tokio::test]
    async fn only_the_background_has_the_lowest_priority() {
        let before = priority();
        let background = Background::default();
        let handle = background.handle().expect("threads");
        let there = handle.spawn(async { priority() }).await;
        assert_eq!(there.expect("it ran"), NICE);
        assert_eq!(priority(), before);
    }
}
