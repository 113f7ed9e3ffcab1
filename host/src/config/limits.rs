//! `[plugins.NAME.limits]` and `[engine.caps]`: what one plugin may use, and what any
//! plugin may be given.

use std::time::Duration;

use super::engine::EngineConfig;
use super::reader::{Section, Wrong};
use super::units::{show_duration, show_size};
use super::value::Value;
use crate::plugin::{Limit, Limits, Unit};

/// Limits of one plugin as the file has them.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginLimits {
    /// All but the two below.
    limits: Limits,
    /// None: as large as messages of the endpoints that use the plugin.
    output: Option<usize>,
    /// None: follows `output`.
    transfer: Option<usize>,
}

impl PluginLimits {
    /// What a plugin has that the file says nothing of.
    pub(super) fn usual(caps: &Limits) -> Self {
        let mut limits = Limits::default();
        for limit in Limit::ALL {
            limits.set(*limit, limits.get(*limit).min(caps.get(*limit)));
        }
        limits.hook = limits.hook.min(limits.wall);
        limits.log_line = limits.log_line.min(limits.log_bytes / 2);
        Self {
            limits,
            output: None,
            transfer: None,
        }
    }

    pub(super) fn read(mut section: Section<'_>, engine: &EngineConfig) -> Self {
        let mut read = Self::usual(&engine.caps);
        let limits = &mut read.limits;
        for limit in Limit::ALL {
            let Some(number) = section.optional(limit.key(), |value| number(*limit, value)) else {
                continue;
            };
            limits.set(*limit, number);
            match limit {
                Limit::Output => read.output = Some(limits.output),
                Limit::Transfer => read.transfer = Some(limits.transfer),
                _ => {}
            }
            check_cap(&section, engine, *limit, number);
        }
        read.check(&section, engine);
        section.finish();
        read
    }

    /// Reports limits that contradict each other.
    fn check(&self, section: &Section<'_>, engine: &EngineConfig) {
        let limits = &self.limits;
        let report = |key: &str, what: &str, remedy: &str| {
            let what = format!("`{}.{key}` {what}", section.key);
            section.reading.report(section.place_of(key), what, remedy);
        };
        if limits.hook > limits.wall {
            let what = "is longer than a whole call may take";
            report("hook", what, "lower it, or raise `wall`");
        }
        if limits.instances > engine.instances as usize {
            let what = "is more than all plugins may have";
            report("instances", what, "lower it, or raise `engine.instances`");
        }
        // A line has a context, too.
        if limits.log_line > limits.log_bytes / 2 {
            let what = "is more than half of `log_bytes`, so that such a line might never fit";
            report("log_line", what, "lower it, or raise `log_bytes`");
        }
        if let (Some(output), Some(transfer)) = (self.output, self.transfer)
            && output > transfer
        {
            let what = "is more than `transfer`, so that such an output would always fail";
            report("output", what, "lower it, or raise `transfer`");
        }
    }

    /// The limits in force. `message` is the largest message, in bytes, of the endpoints
    /// that use the plugin; none when no endpoint does.
    pub fn with_messages(&self, message: Option<usize>, caps: &Limits) -> Limits {
        let mut limits = self.limits.clone();
        limits.output = self.output.unwrap_or_else(|| {
            let usual = message.unwrap_or(Limits::default().output);
            usual.min(caps.output)
        });
        limits.transfer = self.transfer.unwrap_or_else(|| {
            let usual = Limits::transfer_of(limits.output);
            usual.min(caps.transfer)
        });
        limits
    }
}

/// Reads `[engine.caps]`: the highest value that each limit of any plugin may have.
pub(super) fn read_caps(mut section: Section<'_>) -> Limits {
    let mut caps = Limits::highest();
    for limit in Limit::ALL {
        if let Some(cap) = section.optional(limit.key(), |value| number(*limit, value)) {
            caps.set(*limit, cap);
        }
    }
    section.finish();
    caps
}

fn check_cap(section: &Section<'_>, engine: &EngineConfig, limit: Limit, number: u64) {
    let cap = engine.caps.get(limit);
    if number <= cap {
        return;
    }
    let key = limit.key();
    let place = section.reading.place(&format!("engine.caps.{key}"));
    let line = place.map_or(String::new(), |place| format!(" in line {}", place.line));
    let what = format!(
        "`{}.{key}` is {}, more than `engine.caps.{key}`{line} allows any plugin, {}",
        section.key,
        show(limit, number),
        show(limit, cap)
    );
    let remedy = "lower it, or raise the cap";
    section.reading.report(section.place_of(key), what, remedy);
}

/// Reads a limit as a number in its unit.
fn number(limit: Limit, value: &Value<'_>) -> Result<u64, Wrong> {
    let range = limit.range();
    match limit.unit() {
        Unit::Microseconds => {
            let (least, most) = (micros(*range.start()), micros(*range.end()));
            let duration = value.duration(least..=most)?;
            // It is in the range, which is of such numbers.
            Ok(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        }
        Unit::Bytes => value.size(range),
        Unit::Count => value.whole(range),
    }
}

/// A limit as it could be written in the file.
fn show(limit: Limit, number: u64) -> String {
    match limit.unit() {
        Unit::Microseconds => show_duration(micros(number)),
        Unit::Bytes => show_size(number),
        Unit::Count => number.to_string(),
    }
}

fn micros(number: u64) -> Duration {
    Duration::from_micros(number)
}
