//! How long to wait, and how often to send.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The pause before try `number` + 1: doubled each time, up to the longest, and at random
/// between half of it and all of it, so that what failed together does not come back
/// together.
pub fn backoff(number: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1_u32 << number.saturating_sub(1).min(30));
    doubled.min(longest).mul_f64(rand::random_range(0.5..=1.0))
}

/// What one endpoint may send in a minute.
pub struct Rate {
    per_minute: u32,
    limiter: DefaultDirectRateLimiter,
}

impl Rate {
    pub fn new(per_minute: u32) -> Self {
        let quota = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            per_minute,
            limiter: RateLimiter::direct(Quota::per_minute(quota)),
        }
    }

    pub fn is(&self, per_minute: u32) -> bool {
        self.per_minute == per_minute
    }

    /// Takes leave to send one, or says how long to wait for it.
    pub fn take(&self) -> Result<(), Duration> {
        let clock = DefaultClock::default();
        self.limiter
            .check()
            .map_err(|until| until.wait_time_from(clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_secs(10), Duration::from_secs(60));
        for (number, most) in [(1, 10), (2, 20), (3, 40), (4, 60), (100, 60)] {
            let most = Duration::from_secs(most);
            for _ in 0..50 {
                let pause = backoff(number, first, longest);
                assert!(pause >= most / 2 && pause <= most, "{number}: {pause:?}");
            }
        }
    }

    #[test]
    fn a_minute_holds_so_many() {
        let rate = Rate::new(3);
        for _ in 0..3 {
            assert_eq!(rate.take(), Ok(()));
        }
        let wait = rate.take().expect_err("the fourth waits");
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
    }
}
