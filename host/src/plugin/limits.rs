//! What one plugin may use up.
//!
//! One entry of the table below is all there is to a limit: the config reads
//! `[plugins.NAME.limits]` and `[engine.caps]` by it, [`Meter`](super::meter::Meter)
//! counts by it and the admin API lists it. A host function that bounds something adds an
//! entry here and refuses with `State::over`.
//!
//! The guest's stack is missing on purpose: wasmtime has one size for the whole engine
//! (`engine.stack`).

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What a limit's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Microseconds,
    Bytes,
    Count,
}

/// A value of one limit, and the same as a number in the limit's unit.
trait Amount: Copy {
    fn number(self) -> u64;
    fn of(number: u64) -> Self;
}

macro_rules! limits {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident, $key:ident: $type:ty, $unit:ident, $default:expr, $range:expr;
    )*) => {
        /// The limits of one plugin. Exceeding any of them ends the call, never the host.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Limits {
            $($(#[doc = $doc])* pub $key: $type,)*
        }

        /// One of the [`Limits`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Limit {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Limit {
            /// Every limit, in the order of their discriminants.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The key in `[plugins.NAME.limits]`.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$variant => stringify!($key),)* }
            }

            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }

            /// The numbers it may be set to.
            pub fn range(self) -> RangeInclusive<u64> {
                match self {
                    $(Self::$variant => {
                        let range: RangeInclusive<$type> = $range;
                        range.start().number()..=range.end().number()
                    })*
                }
            }
        }

        impl Limits {
            /// One limit as a number in its unit.
            pub fn get(&self, limit: Limit) -> u64 {
                match limit { $(Limit::$variant => self.$key.number(),)* }
            }

            /// Changes one limit; `number` is in its unit.
            pub fn set(&mut self, limit: Limit, number: u64) {
                match limit { $(Limit::$variant => self.$key = Amount::of(number),)* }
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }
    };
}

limits! {
    /// Time a hook may run, waiting in host functions and for a worker not included.
    Hook, hook: Duration, Microseconds, ms(50), ms(1)..=ms(60_000);
    /// Time instantiation and `describe` may run, counted likewise.
    Init, init: Duration, Microseconds, ms(500), ms(1)..=ms(60_000);
    /// Time from a call's start to its end, everything included.
    Wall, wall: Duration, Microseconds, ms(1_000), ms(1)..=ms(60_000);
    /// Linear memory of one instance, in bytes. No guest runs with less than a page.
    Memory, memory: usize, Bytes, 32 * MIB, 64 * KIB..=4096 * MIB;
    /// Elements of all tables of one instance.
    Tables, tables: usize, Count, 10_000, 1..=1_000_000;
    /// Bytes of JSON a hook may return, and of one message or row it hands over.
    Output, output: usize, Bytes, 64 * KIB, 1..=64 * MIB;
    /// Bytes a guest may hand to the host in one call or return, counted before they are
    /// copied: texts that lie over each other in the guest's memory count each.
    Transfer, transfer: usize, Bytes, Limits::transfer_of(64 * KIB), 4 * KIB..=256 * MIB;
    /// Effects of one message, over all its hooks.
    Effects, effects: usize, Count, 1_000, 0..=100_000;
    /// Bytes of the texts in the effects of one call. Without it, 1,000 effects could
    /// pin a thousand times `output`.
    EffectBytes, effect_bytes: usize, Bytes, 4 * MIB, KIB..=256 * MIB;
    /// How deep messages may be that plugins publish because of one another. 0: it may
    /// not publish.
    PublishDepth, publish_depth: u32, Count, 8, 0..=100;
    /// Calls of one generation that run at the same time for one endpoint, and with them
    /// instances.
    Instances, instances: usize, Count, 32, 1..=20_000;
    /// Bytes of the file.
    Component, component: usize, Bytes, 8 * MIB, KIB..=256 * MIB;
    /// Processor time that compiling the component may take, for each of the compiler's
    /// threads. On a busy machine it may take up to four times as long on the clock.
    CompileTime, compile_time: Duration, Microseconds, ms(20_000), ms(1_000)..=ms(600_000);
    /// Bytes of memory that compiling may take. The least is what the compiler needs for
    /// nothing.
    CompileMemory, compile_memory: usize, Bytes, 1024 * MIB, 32 * MIB..=64 * 1024 * MIB;
    /// Calls after which an instance is replaced, so that a slow leak in a guest never
    /// reaches its memory limit.
    CallsPerInstance, calls_per_instance: u32, Count, 10_000, 1..=u32::MAX;
    /// Time an instance may wait for a call before it is dropped.
    Idle, idle: Duration, Microseconds, ms(60_000), ms(1_000)..=ms(86_400_000);
    /// Bytes of one log line, before control characters are escaped; the rest is cut.
    LogLine, log_line: usize, Bytes, KIB, 64..=64 * KIB;
    /// Log lines per second, all instances of a generation together. 0 silences it.
    LogRate, log_rate: u32, Count, 100, 0..=100_000;
    /// Bytes of those lines per second, counted like `log_line`.
    LogBytes, log_bytes: usize, Bytes, 64 * KIB, 128..=64 * MIB;
    /// HTTP requests that one call of a hook may send.
    HttpCalls, http_calls: u32, Count, 4, 0..=1_000;
    /// Bytes of all requests and responses of one call, with headers.
    HttpBytes, http_bytes: u64, Bytes, 1 << 20, 1 << 10..=1 << 30;
    /// Time from a request's start to the end of its response.
    HttpTime, http_time: Duration, Microseconds, ms(500), ms(1)..=ms(60_000);
    /// Requests of one generation at the same time; others wait within their time.
    HttpConcurrent, http_concurrent: usize, Count, 16, 1..=10_000;
    /// Handles (streams, pollables, buckets) that an instance may have open.
    Handles, handles: usize, Count, 1_000, 16..=100_000;
    /// Keys that one message may read and write in key-value storage.
    KvKeys, kv_keys: usize, Count, 1_000, 1..=100_000;
    /// Bytes of one value in key-value storage.
    KvValue, kv_value: usize, Bytes, MIB, 1..=4 * MIB;
    /// Bytes of all its keys and values on one endpoint.
    KvTotal, kv_total: u64, Bytes, 64 << 20, 1 << 10..=1 << 40;
}

impl Limits {
    /// The highest that any plugin may be given.
    pub fn highest() -> Self {
        let mut highest = Self::default();
        for limit in Limit::ALL {
            highest.set(*limit, *limit.range().end());
        }
        highest
    }

    /// The usual `transfer` for an `output`, both in bytes: room for what surrounds the
    /// text, and for the arguments of any host function.
    pub const fn transfer_of(output: usize) -> usize {
        let twice = output.saturating_mul(2);
        if twice > 2 * MIB { twice } else { 2 * MIB }
    }
}

impl Limit {
    /// The limit with this key; none when there is no such limit.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|limit| limit.key() == key)
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "limits.{}", self.key())
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Amount for Duration {
    fn number(self) -> u64 {
        u64::try_from(self.as_micros()).unwrap_or(u64::MAX)
    }

    fn of(number: u64) -> Self {
        Self::from_micros(number)
    }
}

impl Amount for u64 {
    fn number(self) -> u64 {
        self
    }

    fn of(number: u64) -> Self {
        number
    }
}

impl Amount for usize {
    fn number(self) -> u64 {
        u64::try_from(self).unwrap_or(u64::MAX)
    }

    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Amount for u32 {
    fn number(self) -> u64 {
        self.into()
    }

    fn of(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_its_key_and_no_other_with_it() {
        for limit in Limit::ALL {
            assert_eq!(Limit::parse(limit.key()), Some(*limit));
            let mut limits = Limits::default();
            limits.set(*limit, *limit.range().start());
            assert_eq!(limits.get(*limit), *limit.range().start(), "{limit}");
            for other in Limit::ALL.iter().filter(|other| *other != limit) {
                let usual = Limits::default().get(*other);
                assert_eq!(limits.get(*other), usual, "{other} after {limit}");
                assert!(other.range().contains(&usual), "{other} is {usual}");
            }
        }
        assert_eq!(Limit::parse("hok"), None);
    }
}
