//! The thread that moves wasmtime's epoch on, so that deadlines are noticed.
//!
//! One for the process: a ticker for each call would cost more than the calls. It sleeps
//! while no guest runs, or an idle server would wake a thousand times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Between two ticks: how late a deadline may be noticed. A guest that does not return
/// gives its worker thread back once a tick.
const TICK: Duration = Duration::from_millis(1);

/// Ticks without a call before the ticker sleeps. Waking it costs a system call, which a
/// server with any traffic should not pay for each message.
const PATIENCE: u32 = 100;

/// Runs until it is dropped.
pub struct Ticker {
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

/// Counts the calls under way.
#[derive(Debug, Default)]
pub struct Pulse {
    calls: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
    ticker: std::sync::OnceLock<Thread>,
}

/// A call under way, until it is dropped.
pub struct Beat<'a>(&'a Pulse);

impl Pulse {
    /// A call begins: the epoch has to move.
    pub fn beat(&self) -> Beat<'_> {
        // Either this sees that the ticker sleeps, or the ticker sees this call before
        // it does: both write first and read then.
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            self.wake();
        }
        Beat(self)
    }

    fn wake(&self) {
        if let Some(thread) = self.ticker.get() {
            thread.unpark();
        }
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    pub fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let pulse = Arc::new(Pulse::default());
        let shared = Arc::clone(&pulse);
        let thread = std::thread::Builder::new()
            .name("plugin-ticker".to_owned())
            .spawn(move || tick(&engine, &shared))?;
        // Set once, here.
        let _ = pulse.ticker.set(thread.thread().clone());
        Ok(Self {
            pulse,
            thread: Some(thread),
        })
    }

    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }
}

fn tick(engine: &wasmtime::Engine, pulse: &Pulse) {
    let mut idle = 0;
    while !pulse.stop.load(Ordering::SeqCst) {
        if idle < PATIENCE {
            std::thread::park_timeout(TICK);
            engine.increment_epoch();
        } else {
            pulse.asleep.store(true, Ordering::SeqCst);
            if pulse.calls.load(Ordering::SeqCst) == 0 && !pulse.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            pulse.asleep.store(false, Ordering::SeqCst);
        }
        let busy = pulse.calls.load(Ordering::SeqCst) > 0;
        idle = if busy { 0 } else { (idle + 1).min(PATIENCE) };
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.stop.store(true, Ordering::SeqCst);
        self.pulse.wake();
        if let Some(thread) = self.thread.take() {
            // It only fails when the ticker panicked, which it has nothing to do with.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for what another thread does; fails after a long time.
    fn eventually(what: impl Fn() -> bool) {
        let begin = std::time::Instant::now();
        while !what() {
            assert!(
                begin.elapsed() < Duration::from_secs(20),
                "it never happened"
            );
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_sleeps_without_calls_and_wakes_for_one() {
        let ticker = Ticker::start(wasmtime::Engine::default()).expect("a thread");
        let pulse = ticker.pulse();
        for _ in 0..3 {
            eventually(|| pulse.asleep.load(Ordering::SeqCst));
            let beat = pulse.beat();
            eventually(|| !pulse.asleep.load(Ordering::SeqCst));
            drop(beat);
        }
    }
}
