//! The mark in a message's body that says which message it is and when it was due.
//!
//! It stands at the start of the body, has a fixed length, and is found again by a byte scan:
//! what a server adds around the body doesn't matter, and no JSON is parsed per delivery.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

const SIGN: &[u8; 2] = b"@@";
const NUMBER_DIGITS: usize = 12;
const TIME_DIGITS: usize = 16;
const LENGTH: usize = SIGN.len() + NUMBER_DIGITS + TIME_DIGITS;
/// The client's frame `{"body":"…"}` in bytes, the same for every server.
pub const PAYLOAD: usize = 128;

/// Nanoseconds since the first call. Sender and receivers are one process, so any monotonic
/// origin does.
pub fn nanoseconds(at: Instant) -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    // Started a second early, so that a time taken just before the first call is no underflow.
    let origin = ORIGIN.get_or_init(|| at.checked_sub(Duration::from_secs(1)).unwrap_or(at));
    at.saturating_duration_since(*origin).as_nanos() as u64
}

/// The client's frame payload of message `number`, due at `due` (see [`nanoseconds`]).
pub fn payload(number: u64, due: u64) -> [u8; PAYLOAD] {
    const HEAD: &[u8] = br#"{"body":""#;
    const TAIL: &[u8] = br#""}"#;
    let mut payload = [b'.'; PAYLOAD];
    payload[..HEAD.len()].copy_from_slice(HEAD);
    payload[PAYLOAD - TAIL.len()..].copy_from_slice(TAIL);
    let mark = &mut payload[HEAD.len()..HEAD.len() + LENGTH];
    mark[..SIGN.len()].copy_from_slice(SIGN);
    let (digits, time_digits) = mark[SIGN.len()..].split_at_mut(NUMBER_DIGITS);
    write_hex(digits, number);
    write_hex(time_digits, due);
    payload
}

/// The same for subscribers of one topic, which has two digits.
pub fn payload_on(topic: usize, number: u64, due: u64) -> [u8; PAYLOAD] {
    let tail = format!(r#"","topic":"{:02}"}}"#, topic % 100);
    let mut payload = payload(number, due);
    payload[PAYLOAD - tail.len()..].copy_from_slice(tail.as_bytes());
    payload
}

/// Fills `digits` from the right; higher digits than fit are cut off.
fn write_hex(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// Finds marks in the frames of one connection. A server's frames are all built alike, so the
/// place of the last mark is tried first; that makes it a few nanoseconds per frame.
#[derive(Default)]
pub struct Finder {
    place: usize,
}

/// A mark that was found; the time is only read when asked for.
#[derive(Clone, Copy)]
pub struct Mark<'a> {
    digits: &'a [u8],
}

impl Finder {
    pub fn find<'a>(&mut self, payload: &'a [u8]) -> Option<Mark<'a>> {
        let at_place = |place: usize| {
            let mark = payload.get(place..place + LENGTH)?;
            mark.starts_with(SIGN).then(|| Mark {
                digits: &mark[SIGN.len()..],
            })
        };
        at_place(self.place).or_else(|| {
            self.place = payload
                .windows(SIGN.len())
                .position(|window| window == SIGN)?;
            at_place(self.place)
        })
    }
}

impl Mark<'_> {
    pub fn number(self) -> u64 {
        read_hex(&self.digits[..NUMBER_DIGITS])
    }

    pub fn due(self) -> u64 {
        read_hex(&self.digits[NUMBER_DIGITS..])
    }
}

/// Digits are our own, so anything else cannot occur; it would only give a wrong number, which
/// the check of the sequence reports.
fn read_hex(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, &digit| {
        let nibble = if digit <= b'9' {
            digit.wrapping_sub(b'0')
        } else {
            digit.wrapping_sub(b'a' - 10)
        };
        (value << 4) | u64::from(nibble & 15)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_wherever_the_server_puts_the_body() {
        let payload = payload(0xabc_0123, 987_654_321);
        let mut moved = br#"{"hop":1,"id":"x","#.to_vec();
        moved.extend_from_slice(&payload[1..]);
        let mut finder = Finder::default();
        for text in [&payload[..], &moved, &moved, &payload] {
            let mark = finder.find(text).unwrap();
            assert_eq!((mark.number(), mark.due()), (0xabc_0123, 987_654_321));
        }
        assert!(finder.find(br#"{"_error":{}}"#).is_none());
        assert!(finder.find(b"").is_none());
    }
}
