//! What was given to one call, or to an instance while it was made.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::Clock;
use crate::plugin::surroundings::HostError;

/// Most readings of one clock that are kept.
const READINGS: usize = 1_000;

/// Most bytes of answers that are kept.
const ANSWERS: usize = 256 << 10;

/// What a call was given. Bounded: what is too much is left out, and `cut` says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notes {
    /// Of the random numbers; none when no one was asked for.
    pub seed: Option<Seed>,
    /// Readings of the wall clock: nanoseconds since 1970-01-01 UTC.
    pub wall: Vec<u64>,
    /// Readings of the monotonic clock: nanoseconds since the instance was made.
    pub monotonic: Vec<u64>,
    pub answers: Vec<Answer>,
    /// Something is missing.
    pub cut: bool,
    /// Bytes of the answers that were noted.
    pub(in crate::plugin) bytes: usize,
}

/// The seed of a ChaCha12 generator. Scripts without one have zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

/// What a host function answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Interface and function, such as `rows.select`.
    pub name: Cow<'static, str>,
    /// The answer as JSON.
    pub result: Result<Box<RawValue>, HostError>,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        let text = |answer: &Self| answer.result.as_ref().map(|raw| raw.get().to_owned()).ok();
        self.name == other.name
            && text(self) == text(other)
            && self.result.as_ref().err() == other.result.as_ref().err()
    }
}

impl Answer {
    /// The answer in the form the host function has it; none when it has another one.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<Result<T, HostError>> {
        match &self.result {
            Ok(raw) => serde_json::from_str(raw.get()).ok().map(Ok),
            Err(error) => Some(Err(error.clone())),
        }
    }
}

impl Notes {
    pub(super) fn reading(&mut self, clock: Clock, now: u64) {
        let readings = match clock {
            Clock::Wall => &mut self.wall,
            Clock::Monotonic => &mut self.monotonic,
        };
        if readings.len() < READINGS {
            readings.push(now);
        } else {
            self.cut = true;
        }
    }

    pub(super) fn answer<T: Serialize>(
        &mut self,
        name: &'static str,
        answer: Result<&T, &HostError>,
    ) {
        // Answers that come after one that is missing would be given in its place.
        if self.bytes > ANSWERS {
            return;
        }
        let result = match answer {
            Ok(value) => match to_raw_value(value) {
                Ok(raw) => Ok(raw),
                // Nothing that host functions answer fails to serialise.
                Err(_) => return,
            },
            Err(error) => Err(error.clone()),
        };
        self.bytes += name.len() + result.as_ref().map_or(0, |raw| raw.get().len());
        if self.bytes > ANSWERS {
            self.cut = true;
            return;
        }
        self.answers.push(Answer {
            name: Cow::Borrowed(name),
            result,
        });
    }
}

impl Seed {
    /// In hexadecimal.
    pub fn to_text(self) -> String {
        crate::plugin::cache::hex(&self.0)
    }

    /// Reads 64 hexadecimal digits; none when it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(bytes))
    }
}
