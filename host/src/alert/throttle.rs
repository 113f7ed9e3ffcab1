//! Log lines that messages cause, not more often than operators can read them.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets one line through, then none for a while.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Option<(Instant, u64)>>);

impl Throttle {
    /// Whether a line may be written now, and how many were left out before it.
    pub fn admit(&self) -> Option<u64> {
        let mut last = self.0.lock();
        match &mut *last {
            Some((when, left_out)) if when.elapsed() < PAUSE => {
                *left_out += 1;
                None
            }
            _ => {
                let left_out = last.map_or(0, |(_, left_out)| left_out);
                *last = Some((Instant::now(), 0));
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_one_line_is_written() {
        let throttle = Throttle::default();
        let written = (0..1_000).filter(|_| throttle.admit().is_some()).count();
        assert_eq!(written, 1);
    }
}
