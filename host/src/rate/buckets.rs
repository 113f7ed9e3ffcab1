//! Buckets by key: governor's limiter, with an upper bound on how many keys it holds.

use std::collections::HashMap;
use std::hash::Hash;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{HashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

use super::Excess;
use crate::config::Rate;

/// Keys that one set of buckets holds; about 8 MiB of addresses. With one more, any of
/// them is forgotten, which gives its owner a full bucket: to gain by that, a client needs
/// more addresses than this. Refusing newcomers instead would let it shut others out.
pub const MOST_KEYS: usize = 65_536;

/// A bucket for each key.
pub struct Buckets<K: Key, C: Clock = DefaultClock> {
    rate: Rate,
    limiter: RateLimiter<K, Bounded<K>, C, NoOpMiddleware<C::Instant>>,
}

pub trait Key: Hash + Eq + Clone {}

impl<K: Hash + Eq + Clone> Key for K {}

impl<K: Key> Buckets<K> {
    pub fn new(rate: Rate) -> Self {
        Self::with_clock(rate, DefaultClock::default())
    }
}

impl<K: Key, C: Clock> Buckets<K, C> {
    fn with_clock(rate: Rate, clock: C) -> Self {
        // The shortest period that the config can ask for is one nanosecond.
        let quota = Quota::with_period(rate.period()).unwrap_or(Quota::per_second(rate.count));
        let store = Bounded(HashMapStateStore::new(HashMap::new()));
        Self {
            rate,
            limiter: RateLimiter::new(quota.allow_burst(rate.burst), store, clock),
        }
    }

    /// Takes one out of a key's bucket; the error names `limit`.
    pub fn take(&self, limit: &'static str, key: &K) -> Result<(), Excess> {
        self.limiter.check_key(key).map_err(|not_until| Excess {
            limit,
            rate: self.rate,
            wait: not_until.wait_time_from(self.limiter.clock().now()),
        })
    }

    /// Forgets buckets that are full.
    pub fn shed(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// The states of the buckets.
struct Bounded<K>(HashMapStateStore<K>);

impl<K: Key> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        {
            let mut states = self.0.lock();
            if states.len() >= MOST_KEYS
                && !states.contains_key(key)
                && let Some(any) = states.keys().next().cloned()
            {
                states.remove(&any);
            }
        }
        self.0.measure_and_replace(key, f)
    }
}

impl<K: Key> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.0.shrink_to_fit();
    }

    fn len(&self) -> usize {
        ShrinkableKeyedStateStore::len(&self.0)
    }

    fn is_empty(&self) -> bool {
        ShrinkableKeyedStateStore::is_empty(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn buckets(clock: &FakeRelativeClock) -> Buckets<usize, FakeRelativeClock> {
        let rate = Rate {
            count: 2.try_into().expect("two"),
            per: Duration::from_secs(1),
            burst: 3.try_into().expect("three"),
        };
        Buckets::with_clock(rate, clock.clone())
    }

    #[test]
    fn a_burst_passes_and_what_follows_is_told_when_to_retry() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(&clock);
        for _ in 0..3 {
            assert_eq!(buckets.take("user", &1), Ok(()));
        }
        let excess = buckets.take("user", &1).expect_err("an empty bucket");
        assert_eq!(
            (excess.limit, excess.wait),
            ("user", Duration::from_millis(500))
        );
        assert_eq!(buckets.take("user", &2), Ok(()), "another key");
        clock.advance(excess.wait);
        assert_eq!(buckets.take("user", &1), Ok(()));
        assert!(buckets.take("user", &1).is_err());
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let buckets = buckets(&clock);
        for key in 0..100 {
            buckets.take("user", &key).expect("a full bucket");
        }
        buckets.shed();
        assert_eq!(buckets.limiter.len(), 100);
        clock.advance(Duration::from_secs(2));
        buckets.take("user", &7).expect("a full bucket");
        buckets.shed();
        assert_eq!(buckets.limiter.len(), 1, "the one that was used just now");
    }

    #[test]
    fn there_is_an_upper_bound() {
        let buckets = buckets(&FakeRelativeClock::default());
        for key in 0..MOST_KEYS + 100 {
            buckets.take("user", &key).expect("a full bucket");
        }
        assert_eq!(buckets.limiter.len(), MOST_KEYS);
    }
}
