//! The server's resident memory while it is attacked.
//!
//! At any moment some guests hold all the memory that they may have, and a look at that moment
//! says which attack is under way. What stays is the least that was seen for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::proc_stat;

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// When the server has what it needs for good; also how long it is looked at.
const SETTLED: Duration = Duration::from_secs(60);

/// Looks at the memory until it is told to stop.
pub struct Looks<'scope> {
    stop: Arc<AtomicBool>,
    thread: ScopedJoinHandle<'scope, Result<Vec<(Duration, u64)>>>,
}

/// Resident memory in KiB.
pub struct Memory {
    /// The least in the minute after the first.
    pub settled_kib: u64,
    /// The least in the last minute.
    pub end_kib: u64,
}

impl<'scope> Looks<'scope> {
    pub fn start(scope: &'scope Scope<'scope, '_>, pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let start = Instant::now();
        let thread = scope.spawn(move || {
            let mut looks = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                looks.push((start.elapsed(), proc_stat::rss_kib(pid)?));
                std::thread::sleep(BETWEEN_LOOKS);
            }
            Ok(looks)
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Result<Memory> {
        self.stop.store(true, Ordering::Relaxed);
        let looks = self.thread.join();
        let looks = looks.map_err(|_| anyhow!("the looks at the memory panicked"))??;
        Memory::of(&looks).context("no look at the memory")
    }
}

impl Memory {
    /// Of looks in their order. Attacks of less than three minutes have shorter minutes.
    fn of(looks: &[(Duration, u64)]) -> Option<Self> {
        let length = looks.last()?.0;
        let minute = SETTLED.min(length / 3);
        let least = |from: Duration| {
            let within = looks
                .iter()
                .filter(|(at, _)| (from..from + minute).contains(at));
            within.map(|(_, kib)| *kib).min()
        };
        Some(Self {
            settled_kib: least(minute)?,
            end_kib: least(length.saturating_sub(minute))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_after_the_first_is_compared_with_the_last() {
        let second = |n: u64| {
            let kib = match n {
                0..60 => 1,
                60..120 => 100 + n % 7,
                540.. => 105 + n % 50,
                _ => 7,
            };
            (Duration::from_secs(n), kib)
        };
        let looks: Vec<_> = (0..=600).map(second).collect();
        let memory = Memory::of(&looks).expect("looks");
        assert_eq!((memory.settled_kib, memory.end_kib), (100, 105));
        assert!(Memory::of(&[]).is_none());
    }
}
