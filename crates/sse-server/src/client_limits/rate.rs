//! How often something may happen for each key, in memory that does not grow with the keys.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, MonotonicClock};
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// Seconds' worth that may come at once.
const BURST: NonZeroU32 = NonZeroU32::new(4).expect("not zero");

/// Keys are thrown together into so many places. Half a MiB; among 1,000 busy keys one in 65 shares its place with another.
const PLACES: usize = 1 << 16;

/// A limit for each key.
pub(crate) struct Rate<K: Hash + Eq + Clone>(RateLimiter<K, Places<K>, MonotonicClock>);

/// Too much at once. Holds how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded; retry in {} s", self.seconds())]
pub(crate) struct RateLimited(Duration);

/// Nobody can find a key that falls together with another's: where each falls is drawn anew at every start.
struct Places<K> {
    states: Box<[InMemoryState]>,
    hasher: RandomState,
    keys: PhantomData<fn(&K)>,
}

impl RateLimited {
    /// Whole seconds to wait, at least one.
    pub(crate) fn seconds(self) -> u64 {
        self.0.as_secs_f64().ceil().max(1.0) as u64
    }
}

impl<K: Hash + Eq + Clone> Rate<K> {
    /// So many a second. Who has been silent for a while may do at once what it may do in four seconds.
    pub(super) fn of_seconds(per_second: NonZeroU32) -> Self {
        Self::new(per_second.saturating_mul(BURST), per_second)
    }

    /// So many at once, and a second after that.
    pub(crate) fn new(burst: NonZeroU32, per_second: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let states = (0..PLACES).map(|_| InMemoryState::default()).collect();
        let places = Places { states, hasher: RandomState::new(), keys: PhantomData };
        Self(RateLimiter::new(quota, places, MonotonicClock))
    }

    /// Counts one.
    pub(crate) fn check(&self, key: &K) -> Result<(), RateLimited> {
        let checked = self.0.check_key(key);
        checked.map_err(|not_until| RateLimited(not_until.wait_time_from(MonotonicClock.now())))
    }
}

impl<K: Hash> StateStore for Places<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let nth = self.hasher.hash_one(key) as usize % PLACES;
        let state = self.states.get(nth).expect("there are so many places");
        state.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Rate<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rate").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_burst_and_then_its_rate() {
        let rate = Rate::new(NonZeroU32::new(5).unwrap(), NonZeroU32::MIN);
        for _ in 0..5 {
            rate.check(&"a").unwrap();
        }
        let refused = rate.check(&"a").unwrap_err();
        assert_eq!((refused.seconds(), refused.to_string()), (1, "rate limit exceeded; retry in 1 s".into()));
        rate.check(&"b").unwrap();
    }

    #[test]
    fn many_keys_take_no_more_memory_and_leave_others_alone() {
        let rate = Rate::new(NonZeroU32::MIN, NonZeroU32::MIN);
        let refused = (0..1000).filter(|key| rate.check(key).is_err()).count();
        // They fall together with another one 8 times on average.
        assert!(refused < 50, "{refused}");
    }
}
