//! The measures, one file each. Each takes one server kind through one round.

pub mod cpu;
pub mod floor;
pub mod hook_times;
pub mod idle;
pub mod roundtrips;
pub mod stuck;
pub mod sustained;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::load::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Raw writes of ready-made frames: µs a write
    Floor,
    /// The highest rate without loss and with p99 < 100 ms, at 100 and 1,000 subscribers
    Sustained,
    /// Server CPU µs per delivery at 20,000 deliveries/s
    Cpu,
    /// Own-message round trips/s of 16 connections, against the time of a sync
    Roundtrips,
    /// Resident memory per idle WebSocket at 10,000
    Idle,
    /// Hook time per message, from the server's metrics
    HookTimes,
    /// A plugin that loops: time to its sender's error, latency on another endpoint
    Stuck,
}

/// An error for a run that was to pass but didn't, with what went wrong.
pub fn ensure_faultless(outcome: &Outcome) -> Result<()> {
    if outcome.is_faultless() {
        return Ok(());
    }
    bail!(
        "{} of {} messages sent, {} deliveries, {} lost, {} out of order, {}{}",
        outcome.sent,
        outcome.due,
        outcome.delivered,
        outcome.lost,
        outcome.disorder,
        if outcome.complete {
            "complete"
        } else {
            "not complete in time"
        },
        outcome
            .complaint
            .as_ref()
            .map(|text| format!(", server said {text}"))
            .unwrap_or_default(),
    )
}
