//! A place in an endpoint's log that survives restarts, as one opaque token.
//!
//! Offsets alone can't tell a log from a restored older copy of itself: both have an
//! offset 100. Every start of the server therefore opens a new *incarnation* and
//! records from which offset on it counts; a token is honoured only if its incarnation
//! is known here and really reached the token's offset.

use std::fmt;

/// One run of the server, as far as a log is concerned: a random 64-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

impl Incarnation {
    pub fn random() -> Self {
        Self(rand::random())
    }
}

/// "I have everything up to and including this offset."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub incarnation: Incarnation,
    pub offset: u64,
}

impl Position {
    /// Reads a token; none when it is not one of ours.
    pub fn parse(token: &str) -> Option<Self> {
        let (incarnation, offset) = token.split_once('-')?;
        Some(Self {
            incarnation: Incarnation(u64::from_str_radix(incarnation, 16).ok()?),
            offset: offset.parse().ok()?,
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.incarnation.0, self.offset)
    }
}

/// The incarnations of one log, oldest first, each with its first offset.
#[derive(Debug, Clone, Default)]
pub struct Incarnations(pub Vec<(Incarnation, u64)>);

impl Incarnations {
    /// True when the position was reached by this very log: its incarnation is known
    /// and its offset lies within what that incarnation wrote, given the log's `head`.
    ///
    /// A client that connects to a fresh incarnation and receives nothing holds the
    /// offset just before the incarnation's first; that one counts as reached.
    pub fn reached(&self, position: Position, head: u64) -> bool {
        let Some(at) = self.0.iter().position(|(i, _)| *i == position.incarnation) else {
            return false;
        };
        let before_first = self.0[at].1 - 1;
        let last = self.0.get(at + 1).map_or(head, |(_, first)| first - 1);
        (before_first..=last).contains(&position.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(incarnation: u64, offset: u64) -> Position {
        Position {
            incarnation: Incarnation(incarnation),
            offset,
        }
    }

    #[test]
    fn tokens_survive_their_text_form() {
        let position = position(0xfeed_0000_0000_0001, 42);
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        for bad in [
            "",
            "1",
            "x-1",
            "1-x",
            "1-",
            "-1",
            "1--1",
            "fffffffffffffffff-1",
        ] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_position_counts_only_within_its_own_incarnation() {
        // Incarnation 7 wrote 1..=100, incarnation 8 writes from 101; head is 120.
        let log = Incarnations(vec![(Incarnation(7), 1), (Incarnation(8), 101)]);
        assert!(log.reached(position(7, 0), 120));
        assert!(log.reached(position(7, 100), 120));
        assert!(
            !log.reached(position(7, 101), 120),
            "7 never wrote 101: a restored copy"
        );
        assert!(log.reached(position(8, 100), 120));
        assert!(log.reached(position(8, 120), 120));
        assert!(!log.reached(position(8, 121), 120));
        assert!(!log.reached(position(9, 50), 120), "unknown incarnation");
    }
}
